"""``runsemble create``: an ensemble, of which nothing runs yet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from typing import Any

import click

from runsemble.cli.directory import NEW_DIRECTORY, absolute, typed
from runsemble.cli.notes import note_everything, note_remarks
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.options import (
    COMMAND,
    FAILURE_OPTIONS,
    FAILURES,
    FILE_OPTIONS,
    HOOK_OPTIONS,
    OUTPUT,
    PARAMETER_OPTIONS,
    RESOURCE_OPTIONS,
    VALUES_HELP,
)
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.cli.sections import DirectoryFirst, option
from runsemble.cli.sources import Crossed, Workload, read_workload, require_names
from runsemble.cli.translate import (
    names_in_run,
    refuse_missing_program,
    source_options,
    study_options,
    with_hook_options,
)
from runsemble.ensemble.creation import checked
from runsemble.ensemble.creation import create as create_ensemble
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import DirectoryError
from runsemble.model.resources import count_of
from runsemble.runners.options import StudyOptions

EPILOG = f"""\b
{VALUES_HELP}

\b
Examples:
  runsemble create sweep -P x=lin:0:1:500 --input model.py -- python model.py {{x}}
  runsemble create sweep --jsonl params.jsonl -c 2 --retries oom=2 -- ./sim {{x}}
"""


@click.command(
    cls=DirectoryFirst,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
    epilog=EPILOG,
)
@PARAMETER_OPTIONS
@RESOURCE_OPTIONS
@FILE_OPTIONS
@HOOK_OPTIONS
@FAILURE_OPTIONS
@option(
    FAILURES,
    "--abort-on",
    "abort_on",
    multiple=True,
    type=click.IntRange(1, 255),
    metavar="CODE",
    help="An exit code after which a run is not tried again.",
)
@option(OUTPUT, "--overwrite", is_flag=True, help="Replace the ensemble that is there, with all its run directories.")
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print what was made as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
@NEW_DIRECTORY
@COMMAND
def create(directory: str, command: tuple[str, ...], **options: Any) -> int:
    """Make an ensemble: a study in the directory DIR that can be executed, changed and looked at from anywhere.

    COMMAND and parameters are written as for `runsemble run`. Nothing runs yet: `runsemble start DIR` and
    `runsemble resume DIR` execute it, and go on with it whenever it was interrupted.
    """
    path = absolute(directory)
    workload = read_workload(command, source_options(options), reads_ahead=options["overwrite"])
    study = with_hook_options(study_options({**options, "output_path": path}, workload.cmd), options)
    if workload.count == 0:
        return say_nothing_to_run("create")
    refuse_missing_program(workload.cmd, names_in_run(study))
    filled = [*workload.cmd, study.run_dir or "", *(study.env or {}).values()]
    count = asyncio.run(_create(path, study, _sets(workload, filled), is_wanted_anew=options["overwrite"]))
    if count == 0:
        return say_nothing_to_run("create")
    if not options["quiet"]:
        note_everything(workload, study)
        if isinstance(workload.sets, Crossed):
            note_remarks(workload)
    here = typed(path)
    return reply(
        f"{count_of(count, 'run')} in {here}; nothing runs yet: runsemble start {here}, or runsemble resume {here}",
        {"schema": "runsemble.create/1", "path": path, "count": count},
        options,
    )


def _sets(workload: Workload, filled: Sequence[str]) -> Iterable[Any] | AsyncIterable[Any]:
    """Return the parameter sets; those of a pipe, which may make one wait, so that waiting can be broken off."""
    sets = workload.sets
    if isinstance(sets, Crossed) and not sets.file.source.is_regular:
        return sets.aside()
    return _checked(workload, filled)


def _checked(workload: Workload, filled: Sequence[str]) -> Iterator[Any]:
    """Yield parameter sets; refuse, once a file has been read through, what some of its rows lack."""
    yield from workload.sets
    require_names(workload, filled)


async def _create(
    path: str, study: StudyOptions, sets: Iterable[Any] | AsyncIterable[Any], *, is_wanted_anew: bool
) -> int:
    if os.path.lexists(path):  # noqa: ASYNC240 - one stat
        is_ensemble = await Ensemble.exists(path)
        if not is_ensemble:
            raise DirectoryError(f"{path} exists already, and is no ensemble; give another directory, or remove it")
        if not is_wanted_anew:
            here = typed(path)
            raise DirectoryError(
                f"there is an ensemble in {here} already: runsemble add {here} adds runs, --overwrite replaces it"
            )
        await checked(study)
        await Ensemble.clear(path)
    await create_ensemble(study, sets)
    count = await Ensemble(path).count_by_status()
    if not count:
        await Ensemble.clear(path)
    return count
