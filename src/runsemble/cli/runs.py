"""``runsemble runs``: the runs of a study, a line each."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from runsemble.cli.directory import DIRECTORY
from runsemble.cli.listing import LISTING, list_runs
from runsemble.cli.sections import SectionedCommand
from runsemble.cli.selection import FILTERS, WHERE_HELP, choice_of

EPILOG = f"""\b
{WHERE_HELP}

\b
Examples:
  runsemble runs sweep --failed
  runsemble runs sweep --cause oom --where 'n > 1000'
  runsemble requeue sweep $(runsemble runs sweep --ids --where 'loss > 10')
"""


@click.command(cls=SectionedCommand, epilog=EPILOG)
@DIRECTORY
@FILTERS
@LISTING
def runs(directory: str, **options: Any) -> int:
    """List the runs of the study in DIR: how they stand, their parameters and results, the time they took.

    What is said about which runs are meant holds all at once; several statuses, or several causes, are alternatives.
    """
    return asyncio.run(list_runs(directory, choice_of(options), options))
