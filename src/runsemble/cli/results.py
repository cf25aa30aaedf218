"""``runsemble results``: what the runs of a study posted."""

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
  runsemble results sweep
  runsemble results sweep --where 'loss < 0.01' --json
"""


@click.command(cls=SectionedCommand, epilog=EPILOG)
@DIRECTORY
@FILTERS
@LISTING
def results(directory: str, **options: Any) -> int:
    """List what the runs of the study in DIR posted, with their parameters; runs that posted nothing are left out."""
    choice = choice_of(options, has_result=True)
    return asyncio.run(list_runs(directory, choice, options, has_results_first=True))
