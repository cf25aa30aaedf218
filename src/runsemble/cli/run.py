"""``runsemble run``: a whole study from the shell."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from runsemble.cli import exits
from runsemble.cli.notes import note_everything
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.sections import SectionedCommand, option
from runsemble.cli.sources import read_workload, require_names
from runsemble.cli.translate import names_in_run, refuse_missing_program, source_options, study_options
from runsemble.errors import CommandError, UsageError
from runsemble.model.text import quote

EPILOG = f"""\b
Values of a parameter:
  -P beta=0.1,0.2,0.3           these three
  -P beta=lin:0.1:0.9:9         nine, evenly spaced from 0.1 to 0.9
  -P beta=log:1e-3:1:7          seven, evenly spaced on a logarithmic scale
  -P seed=range:100             0 to 99; range:START:STOP:STEP
  -P name=@names.txt            one per line of a file
  -P beta=uniform:0:1           drawn by --sample; also loguniform:, normal:

\b
Examples:
  runsemble run -P x=lin:0:1:5 --input model.py -- python model.py {{x}}
  runsemble run --csv params.csv -- ./sim {{x}} {{y}}
  runsemble run -j2 'sleep {{}}; date' ::: 1 2 3
  seq 100 | runsemble run ./sim --seed {{}}

\b
{exits.HELP}
"""

PARAMETERS, RESOURCES, FILES, FAILURES, OUTPUT = (
    "Parameters", "What a run gets", "Files", "When runs fail", "What is shown",
)  # fmt: skip


@click.command(
    cls=SectionedCommand,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
    epilog=EPILOG,
)
@option(
    PARAMETERS,
    "-P",
    "--param",
    "axes",
    multiple=True,
    metavar="NAME=VALUES",
    help="A parameter and its values; all are combined with all.",
)
@option(PARAMETERS, "--zip", "is_zipped", is_flag=True, help="Combine the parameters of -P side by side instead.")
@option(
    PARAMETERS,
    "--csv",
    type=click.Path(),
    metavar="FILE",
    help="A table of parameters, a run per row; - is standard input.",
)
@option(
    PARAMETERS,
    "--jsonl",
    type=click.Path(),
    metavar="FILE",
    help="A JSON object per line, a run each; - is standard input.",
)
@option(PARAMETERS, "-a", "--arg-file", type=click.Path(), metavar="FILE", help="An argument per line, as after :::.")
@option(
    PARAMETERS,
    "-0",
    "--null",
    "is_null_separated",
    is_flag=True,
    help="Arguments end with a zero byte, as find -print0 writes them.",
)
@option(PARAMETERS, "--header", metavar=":", help="The first argument after each ::: is its name.")
@option(PARAMETERS, "--sample", metavar="METHOD:N", help="Draw N points: lhs:N, sobol:N or random:N.")
@option(PARAMETERS, "--seed", type=int, default=0, metavar="N", help="Where --sample starts; 0 unless given.")
@option(
    PARAMETERS,
    "--types",
    multiple=True,
    metavar="NAME=TYPE",
    help="What a value read from text is: str, int, float, bool, json.",
)
@option(PARAMETERS, "--delimiter", metavar="CHAR", help="What separates the cells of --csv, if not a comma.")
@option(
    RESOURCES,
    "-j",
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Runs at the same time; as many as cores allow, unless given.",
)
@option(
    RESOURCES,
    "-c",
    "--cores",
    "--cpus-per-task",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Cores for each task of a run.",
)
@option(
    RESOURCES,
    "-g",
    "--gpus",
    "--gpus-per-task",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="GPUs for each task of a run.",
)
@option(
    RESOURCES,
    "-n",
    "--tasks",
    "--ntasks",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Processes of each run, started with mpirun.",
)
@option(RESOURCES, "-m", "--mem", metavar="SIZE", help="Memory for each run, such as 500M or 4G; more ends it.")
@option(
    RESOURCES,
    "-t",
    "--timeout",
    "--time",
    metavar="TIME",
    help="Time for each run, such as 90, 30s, 1h30m, 01:30:00; longer ends it.",
)
@option(
    RESOURCES, "--env", multiple=True, metavar="NAME=VALUE", help="A variable of its environment; {name} is filled in."
)
@option(
    FILES,
    "-i",
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="A file, directory or pattern to be had in every run directory; FILE:NAME is called NAME there.",
)
@option(
    FILES,
    "--copy",
    "copies",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="The same, as a copy of its own for every run.",
)
@option(
    FILES,
    "--template",
    "templates",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="A text in which %%name%%, and not {name}, is filled in for every run.",
)
@option(
    FILES,
    "--template-engine",
    type=click.Choice(["jinja", "tokens"]),
    default="jinja",
    help="What templates may hold: jinja, %%name%%, expressions such as %%2 * name%%, and blocks in {% %}; "
    "tokens, %%name%% and nothing else.",
)
@option(
    FILES,
    "-o",
    "--output",
    "output_path",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="A new directory for everything; multirun-<date>-<time> unless given.",
)
@option(
    FILES,
    "--here",
    "runs_here",
    is_flag=True,
    help="Start commands in the current directory; output and results still go to each run's own.",
)
@option(
    FILES,
    "--run-dir",
    default="{run_id}",
    metavar="NAME",
    help="What the directory of a run is called, such as beta={beta}.",
)
@option(
    FILES,
    "--logs",
    type=click.Choice(["files", "merged", "tail", "discard"]),
    default="files",
    help="What becomes of stdout and stderr of runs.",
)
@option(FAILURES, "--retries", type=click.IntRange(0), default=0, metavar="N", help="Further attempts after a failure.")
@option(FAILURES, "--halt", metavar="WHEN", help="When to give up: soon,fail=3 or now,fail=5% or now,success=1.")
@option(FAILURES, "--max-failures", type=click.IntRange(0), metavar="N", help="Failed runs that are put up with.")
@option(OUTPUT, "--dry-run", is_flag=True, help="Print what would run, and run nothing.")
@option(OUTPUT, "--json", "as_json", is_flag=True, help="Print the results as JSON instead of a table.")
@option(
    OUTPUT,
    "--print",
    "prints",
    is_flag=True,
    help="Print the standard output of every run as it ends, instead of a table.",
)
@option(OUTPUT, "--plot", "plots", nargs=2, multiple=True, metavar="X Y", help="Draw a result against a parameter.")
@option(OUTPUT, "--eta", "shows_eta", is_flag=True, help="Show when it will be over.")
@option(
    OUTPUT,
    "--progress/--no-progress",
    "--bar/--no-bar",
    default=True,
    help="Whether to show a bar while runs are under way, or lines where there is no terminal.",
)
@option(OUTPUT, "-q", "--quiet", is_flag=True, help="Print nothing but what goes wrong.")
@click.argument(
    "command",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=lambda context, parameter, incomplete: [CompletionItem(incomplete, type="file")],
    metavar="[--] COMMAND... [::: ARGUMENT...]...",
)
def run(command: tuple[str, ...], **options: Any) -> int:
    """Run COMMAND once for every parameter set, each in a directory of its own.

    {name} in it stands for a parameter. A COMMAND of one word with blanks in it is run by the shell, and what is
    filled in is quoted for it, so put no quotes around {name} there.
    """
    if not command and options["plots"]:
        raise _swallowed_command(options["plots"][-1])
    workload = read_workload(command, source_options(options))
    study = study_options(options, workload.cmd)
    if workload.count == 0:
        return say_nothing_to_run()
    if options["as_json"] and options["prints"]:
        raise UsageError("--json and --print both write to standard output: choose one")
    require_names(workload, [*workload.cmd, study.run_dir, *(study.env or {}).values()])
    if not options["quiet"]:
        note_everything(workload, study)
    if options["dry_run"]:
        from runsemble.cli.dry_run import print_plan

        return print_plan(workload, study, jobs=options["jobs"], as_json=options["as_json"])
    refuse_missing_program(workload.cmd, names_in_run(study))
    from runsemble.cli.study import run_workload

    return run_workload(workload, study, options)


def _swallowed_command(plot: tuple[str, str]) -> CommandError:
    return CommandError(
        f"there is no command: --plot takes two words, X and Y, and {quote(plot[0])} and {quote(plot[1])} were taken "
        "for them; write both, and the command behind them"
    )
