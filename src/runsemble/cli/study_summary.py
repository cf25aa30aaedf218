"""Prints the summary of a stored study, as wide as the terminal."""

from __future__ import annotations

import shutil
import sys

import click

from runsemble.cli.shown import last_line, shown_run
from runsemble.cli.status import print_status
from runsemble.cli.summary import wants_colour
from runsemble.display.summary import LISTED, new_tally, tally_lines
from runsemble.ensemble.look import looking

#: Of more runs than this it is said how many there are in which state, not what all of them took and posted.
LOOKED_AT = 200_000


async def print_study_summary(directory: str, wall_s: float | None) -> None:
    """Print what came of all runs of a study; what failed in red, where there is colour.

    Args:
        directory: The study's, absolute.
        wall_s: How long it was executed, None if that is not known.
    """
    tally = new_tally()
    async with looking(directory) as look:
        if sum((await look.reader.counts()).values()) > LOOKED_AT:
            await print_status(directory)
            return
        async for run in look.runs(()):
            tally.add(shown_run(run))
    if tally.count <= LISTED and not any(one.results for one in tally.first):
        for one in tally.first:
            line = last_line(one.run.stdout)  # type: ignore[attr-defined]
            one.results = {} if line is None else {"output": line}
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    has_colour = wants_colour(sys.stdout)
    for line in tally_lines(tally, directory, wall_s, max(width, 20)):
        is_bad = has_colour and line.startswith(("  run ", "Fail"))
        sys.stdout.write((click.style(line, fg="red") if is_bad else line) + "\n")
