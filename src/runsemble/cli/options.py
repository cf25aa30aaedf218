"""The options that commands share which describe, or execute, a study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from runsemble.cli.sections import option

Decorator = Callable[[Any], Any]

PARAMETERS, RESOURCES, FILES, HOOKS, FAILURES, OUTPUT = (
    "Parameters", "What a run gets", "Files", "Hooks", "When runs fail", "What is shown",
)  # fmt: skip

#: How values of ``-P`` are written.
VALUES_HELP = """\
Values of a parameter:
  -P beta=0.1,0.2,0.3           these three
  -P beta=lin:0.1:0.9:9         nine, evenly spaced from 0.1 to 0.9
  -P beta=log:1e-3:1:7          seven, evenly spaced on a logarithmic scale
  -P seed=range:100             0 to 99; range:START:STOP:STEP
  -P name=@names.txt            one per line of a file
  -P beta=uniform:0:1           drawn by --sample; also loguniform:, normal:"""


def together(*decorators: Decorator) -> Decorator:
    """Return one decorator that does what several do, which stand in the order of a help text."""

    def decorate(function: Any) -> Any:
        for one in reversed(decorators):
            function = one(function)
        return function

    return decorate


#: Where parameter sets come from; see `translate.source_options`.
PARAMETER_OPTIONS = together(
    option(
        PARAMETERS,
        "-P",
        "--param",
        "axes",
        multiple=True,
        metavar="NAME=VALUES",
        help="A parameter and its values; all are combined with all.",
    ),
    option(PARAMETERS, "--zip", "is_zipped", is_flag=True, help="Combine the parameters of -P side by side instead."),
    option(
        PARAMETERS,
        "--csv",
        type=click.Path(),
        metavar="FILE",
        help="A table of parameters, a run per row; - is standard input.",
    ),
    option(
        PARAMETERS,
        "--jsonl",
        type=click.Path(),
        metavar="FILE",
        help="A JSON object per line, a run each; - is standard input.",
    ),
    option(
        PARAMETERS, "-a", "--arg-file", type=click.Path(), metavar="FILE", help="An argument per line, as after :::."
    ),
    option(
        PARAMETERS,
        "-0",
        "--null",
        "is_null_separated",
        is_flag=True,
        help="Arguments end with a zero byte, as find -print0 writes them.",
    ),
    option(PARAMETERS, "--header", metavar=":", help="The first argument after each ::: is its name."),
    option(PARAMETERS, "--sample", metavar="METHOD:N", help="Draw N points: lhs:N, sobol:N or random:N."),
    option(PARAMETERS, "--seed", type=int, default=0, metavar="N", help="Where --sample starts; 0 unless given."),
    option(
        PARAMETERS,
        "--types",
        multiple=True,
        metavar="NAME=TYPE",
        help="What a value read from text is: str, int, float, bool, json.",
    ),
    option(PARAMETERS, "--delimiter", metavar="CHAR", help="What separates the cells of --csv, if not a comma."),
)

#: How much runs at the same time.
JOBS = together(
    option(
        RESOURCES,
        "-j",
        "--jobs",
        type=click.IntRange(1),
        metavar="N",
        help="Runs at the same time; as many as cores allow, unless given.",
    ),
)

#: What a run gets; see `translate.study_options`, as for the two that follow.
RESOURCE_OPTIONS = together(
    option(
        RESOURCES,
        "-c",
        "--cores",
        "--cpus-per-task",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Cores for each task of a run.",
    ),
    option(
        RESOURCES,
        "-g",
        "--gpus",
        "--gpus-per-task",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="GPUs for each task of a run.",
    ),
    option(
        RESOURCES,
        "-n",
        "--tasks",
        "--ntasks",
        type=click.IntRange(1),
        default=1,
        metavar="N",
        help="Processes of each run, started with mpirun.",
    ),
    option(RESOURCES, "-m", "--mem", metavar="SIZE", help="Memory for each run, such as 500M or 4G; more ends it."),
    option(
        RESOURCES,
        "-t",
        "--timeout",
        "--time",
        metavar="TIME",
        help="Time for each run, such as 90, 30s, 1h30m, 01:30:00; longer ends it.",
    ),
    option(
        RESOURCES,
        "--env",
        multiple=True,
        metavar="NAME=VALUE",
        help="A variable of its environment; {name} is filled in.",
    ),
)

#: What is in the directory of a run.
FILE_OPTIONS = together(
    option(
        FILES,
        "-i",
        "--input",
        "inputs",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="A file, directory or pattern to be had in every run directory; FILE:NAME is called NAME there.",
    ),
    option(
        FILES,
        "--copy",
        "copies",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="The same, as a copy of its own for every run.",
    ),
    option(
        FILES,
        "--template",
        "templates",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="A text in which %%name%%, and not {name}, is filled in for every run.",
    ),
    option(
        FILES,
        "--template-engine",
        type=click.Choice(["jinja", "tokens"]),
        default="jinja",
        help="What templates may hold: jinja, %%name%%, expressions such as %%2 * name%%, and blocks in {% %}; "
        "tokens, %%name%% and nothing else.",
    ),
    option(
        FILES,
        "--here",
        "runs_here",
        is_flag=True,
        help="Start commands in the current directory; output and results still go to each run's own.",
    ),
    option(
        FILES,
        "--run-dir",
        metavar="NAME",
        help="What the directory of a run is called, such as beta={beta}; its number, unless given.",
    ),
    option(
        FILES,
        "--logs",
        type=click.Choice(["files", "merged", "tail", "discard"]),
        default="files",
        help="What becomes of stdout and stderr of runs.",
    ),
    option(
        FILES,
        "--keep",
        type=click.Choice(["all", "failed", "results", "none"]),
        default="all",
        help="Whose directories stay: of all runs, of those that failed, likewise with the results of the others, "
        "or of none. Results are in the record in any case.",
    ),
)

#: The user's Python around the runs of an ensemble.
HOOK_OPTIONS = together(
    option(
        HOOKS,
        "--hooks",
        type=click.Path(),
        metavar="FILE",
        help="Python with prep_ensemble, prep_run, post_run or post_ensemble, called before and after.",
    ),
    option(
        HOOKS,
        "--hook-timeout",
        metavar="TIME",
        help="Time for each hook, such as 90, 30s, 1h30m; longer ends it. 1h unless given; none: no limit.",
    ),
)

#: What follows a failure.
FAILURE_OPTIONS = together(
    option(
        FAILURES,
        "--retries",
        default="0",
        metavar="N",
        help="Further attempts after a failure: 3, or by cause: oom=2,timeout=1; those get twice the memory or time.",
    ),
    option(FAILURES, "--halt", metavar="WHEN", help="When to give up: soon,fail=3 or now,fail=5% or now,success=1."),
    option(FAILURES, "--max-failures", type=click.IntRange(0), metavar="N", help="Failed runs that are put up with."),
)

#: What is shown while runs are under way.
PROGRESS_OPTIONS = together(
    option(OUTPUT, "--eta", "shows_eta", is_flag=True, help="Show when it will be over."),
    option(
        OUTPUT,
        "--progress/--no-progress",
        "--bar/--no-bar",
        default=True,
        help="Whether to show a bar while runs are under way, or lines where there is no terminal.",
    ),
    option(OUTPUT, "-q", "--quiet", is_flag=True, help="Print nothing but what goes wrong."),
)

#: The command of a study, with the arguments behind ``:::``.
COMMAND = click.argument(
    "command",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=lambda context, parameter, incomplete: [CompletionItem(incomplete, type="file")],
    metavar="[--] COMMAND... [::: ARGUMENT...]...",
)
