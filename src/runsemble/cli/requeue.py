"""``runsemble requeue``: lets runs that have ended be executed again."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from runsemble.cli.change import chosen_by, chosen_ids, how_it_goes_on
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
@option(WHICH, "--all", "all_runs", is_flag=True, help="All that have ended.")
@option("How", "--hard", is_flag=True, help="From their first step, instead of the one that failed.")
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print which runs it is as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def requeue(directory: str, ids: tuple[str, ...], **options: Any) -> int:
    """Let runs of the study in DIR that have ended be executed again.

    IDS are numbers and ranges, such as 3-7,9; - reads them from standard input. A driver that is at work takes the
    runs at once; else they are pending until somebody resumes the study.
    """
    return asyncio.run(_requeue(directory, ids, options))


async def _requeue(directory: str, ids: tuple[str, ...], options: dict[str, Any]) -> int:
    meant = await chosen_ids(directory, chosen_by(ids, options))
    again = await Ensemble(directory).requeue_runs(meant, hard=options["hard"]) if meant else []
    facts = {"schema": "runsemble.requeue/1", "path": directory, "runs": again}
    if not again:
        why = "those that are meant have not ended" if meant else "no run is meant"
        return reply(f"nothing to execute again: {why}", facts, options)
    words = f"{count_of(len(again), 'run')} will be executed again ({ids_words(again)})"
    return reply(words + await how_it_goes_on(directory), facts, options)
