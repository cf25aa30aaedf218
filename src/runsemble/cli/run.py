"""``runsemble run``: a whole study from the shell."""

from __future__ import annotations

from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.notes import note_everything
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.options import (
    COMMAND,
    FAILURE_OPTIONS,
    FILE_OPTIONS,
    FILES,
    JOBS,
    OUTPUT,
    PARAMETER_OPTIONS,
    PROGRESS_OPTIONS,
    RESOURCE_OPTIONS,
    VALUES_HELP,
)
from runsemble.cli.sections import SectionedCommand, option
from runsemble.cli.sources import read_workload, require_names
from runsemble.cli.translate import names_in_run, refuse_missing_program, source_options, study_options
from runsemble.errors import CommandError, UsageError
from runsemble.model.text import quote

EPILOG = f"""\b
{VALUES_HELP}

\b
Examples:
  runsemble run -P x=lin:0:1:5 --input model.py -- python model.py {{x}}
  runsemble run --csv params.csv -- ./sim {{x}} {{y}}
  runsemble run -j2 'sleep {{}}; date' ::: 1 2 3
  seq 100 | runsemble run ./sim --seed {{}}

\b
{exits.HELP}
"""


@click.command(
    cls=SectionedCommand,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
    epilog=EPILOG,
)
@PARAMETER_OPTIONS
@JOBS
@RESOURCE_OPTIONS
@FILE_OPTIONS
@option(
    FILES,
    "-o",
    "--output",
    "output_path",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="A new directory for everything; multirun-<date>-<time> unless given.",
)
@FAILURE_OPTIONS
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
@PROGRESS_OPTIONS
@COMMAND
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
    require_names(workload, [*workload.cmd, study.run_dir or "", *(study.env or {}).values()])
    if not options["quiet"]:
        note_everything(workload, study)
    if options["dry_run"]:
        from runsemble.cli.what_would_run import print_plan

        return print_plan(workload, study, jobs=options["jobs"], as_json=options["as_json"])
    refuse_missing_program(workload.cmd, names_in_run(study))
    from runsemble.cli.study import run_workload

    return run_workload(workload, study, options)


def _swallowed_command(plot: tuple[str, str]) -> CommandError:
    return CommandError(
        f"there is no command: --plot takes two words, X and Y, and {quote(plot[0])} and {quote(plot[1])} were taken "
        "for them; write both, and the command behind them"
    )
