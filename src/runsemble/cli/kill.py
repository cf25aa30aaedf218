"""``runsemble kill``: ends runs for good."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from runsemble.cli.change import chosen_by, chosen_ids
from runsemble.cli.directory import DIRECTORY
from runsemble.cli.id_words import ids_words
from runsemble.cli.options import OUTPUT
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.cli.sections import SectionedCommand, option
from runsemble.cli.selection import FILTERS, IDS, WHERE_HELP, WHICH
from runsemble.ensemble.ensemble import Ensemble
from runsemble.model.resources import count_of


@click.command(cls=SectionedCommand, epilog=f"\b\n{WHERE_HELP}")
@DIRECTORY
@IDS
@FILTERS
@option(WHICH, "--all", "all_runs", is_flag=True, help="All that have not ended.")
@option("How", "--now", is_flag=True, help="With SIGKILL, instead of SIGTERM first.")
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print which runs it is as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def kill(directory: str, ids: tuple[str, ...], **options: Any) -> int:
    """End runs of the study in DIR for good, those that wait and those that are under way.

    IDS are numbers and ranges, such as 3-7,9; - reads them from standard input. Runs that are killed count neither as
    failed nor as succeeded, and nobody starts them again unless they are requeued.
    """
    return asyncio.run(_kill(directory, ids, options))


async def _kill(directory: str, ids: tuple[str, ...], options: dict[str, Any]) -> int:
    meant = await chosen_ids(directory, chosen_by(ids, options))
    how = "kill" if options["now"] else "stop"
    ended = await Ensemble(directory).dequeue_runs(meant, how=how) if meant else []
    facts = {"schema": "runsemble.kill/1", "path": directory, "runs": ended}
    if not ended:
        why = "those that are meant have ended already" if meant else "no run is meant"
        return reply(f"nothing to kill: {why}", facts, options)
    verb = "is" if len(ended) == 1 else "are"
    return reply(f"{count_of(len(ended), 'run')} {verb} ended for good ({ids_words(ended)})", facts, options)
