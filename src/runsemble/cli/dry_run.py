"""``runsemble dry-run``: the directories of runs as an execution would find them, of which nothing starts."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.change import chosen_ids
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.options import OUTPUT
from runsemble.cli.printing import write_as_is
from runsemble.cli.reply import AS_JSON, QUIET
from runsemble.cli.say import say
from runsemble.cli.sections import SectionedCommand, option
from runsemble.cli.selection import FILTERS, IDS, WHERE_HELP, choice_of
from runsemble.display.table import printable
from runsemble.display.words import nearest_path
from runsemble.ensemble.choice import Choice
from runsemble.ensemble.dry_run import DryRun
from runsemble.ensemble.ensemble import Ensemble
from runsemble.model.resources import count_of

SCHEMA = "runsemble.dry-run/1"


@click.command(cls=SectionedCommand, epilog=f"\b\n{WHERE_HELP}")
@DIRECTORY
@IDS
@FILTERS
@option("How", "--no-hooks", is_flag=True, help="Leave prep_run out.")
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print what was made as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def dry_run(directory: str, ids: tuple[str, ...], **options: Any) -> int:
    """Prepare the directories of runs of the study in DIR as an execution would, and start nothing.

    Inputs, templates, batch scripts and params.json are put in their places, and `prep_run` is called. Without IDS
    (numbers and ranges, such as 3-7,9) and conditions, all runs are prepared that are pending. Each is printed with the
    commands that would start there.
    """
    choice = choice_of(options, ids)
    made = asyncio.run(_prepare(directory, choice, calls_hooks=not options["no_hooks"]))
    wrong = [one for one in made if one.error is not None]
    if options["as_json"]:
        facts = [_facts_of(one) for one in made]
        click.echo(json.dumps({"schema": SCHEMA, "path": directory, "runs": facts}))
    elif not options["quiet"]:
        _print(made, directory)
    for one in wrong:
        say(f"run {one.id}: {printable(str(one.error))}")
    return exits.FAILED if wrong else exits.OK


async def _prepare(directory: str, choice: Choice, *, calls_hooks: bool) -> list[DryRun]:
    ids = None if choice == Choice() else await chosen_ids(directory, choice)
    return await Ensemble(directory).dry_run(ids, calls_hooks=calls_hooks)


def _print(made: Sequence[DryRun], directory: str) -> None:
    good = [one for one in made if one.error is None]
    for one in good:
        write_as_is(f"{nearest_path(one.directory)}: {' && '.join(map(shlex.join, one.commands))}\n")
    sys.stdout.flush()
    verb = "is" if len(good) == 1 else "are"
    say(f"{count_of(len(good), 'run')} of {typed(directory)} {verb} prepared; nothing was started")


def _facts_of(one: DryRun) -> dict[str, Any]:
    return {
        "id": one.id,
        "run_dir": one.directory,
        "commands": one.commands,
        "files": one.files,
        "error": None if one.error is None else str(one.error),
    }
