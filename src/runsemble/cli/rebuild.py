"""``runsemble rebuild``: a record that is damaged or lost, made anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.directory import absolute
from runsemble.display.words import nearest_path
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.rebuild import Rebuilt
from runsemble.model.resources import count_of

SCHEMA = "runsemble.rebuild/1"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def rebuild(directory: str, as_json: bool) -> int:
    """Make the record of the study in DIR anew, if it is damaged or lost.

    What can be read of the old record is taken over; other runs are found by their directories, and are pending again,
    since nobody knows how they ended. The old record is kept under another name.
    """
    found = asyncio.run(Ensemble.rebuild(directory))
    if as_json:
        head = {"schema": SCHEMA, "version": __version__, "path": absolute(directory)}
        click.echo(json.dumps({**head, **asdict(found)}, indent=1))
    else:
        for line in lines_of(found, nearest_path(directory)):
            click.echo(line)
    return exits.OK


def lines_of(found: Rebuilt, directory: str) -> Iterator[str]:
    """Yield what is to be said of a record that was made anew."""
    if found.is_whole:
        yield f"nothing is wrong with the record of {directory}, so nothing was done"
        return
    yield (
        f"rebuilt: {count_of(found.runs, 'run')} with {count_of(found.attempts, 'attempt')} and "
        f"{count_of(found.results, 'result')}"
    )
    if found.from_directories:
        yield f"of {count_of(found.from_directories, 'run')} only the directory was left"
    if found.unknown:
        they = "it is" if found.unknown == 1 else "they are"
        yield f"how {count_of(found.unknown, 'run')} ended is not known: {they} pending again"
    if found.without_command:
        yield f"the own commands of {count_of(found.without_command, 'run')} are lost, so they are not run again"
    if found.lost:
        yield f"of {count_of(found.lost, 'run')} nothing was left: add them again (runsemble add {directory})"
    if found.may_lack:
        yield f"runs that had not started may have left no trace: add them again (runsemble add {directory})"
    if found.damaged is not None:
        yield f"the old record is kept: {nearest_path(found.damaged)}"
    if found.unknown:
        yield f"→ look at them: runsemble runs {directory}; go on: runsemble resume {directory}"
