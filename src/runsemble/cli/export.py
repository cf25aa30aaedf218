"""``runsemble export``: a study as a table for other programs."""

from __future__ import annotations

import asyncio
import json
import sys

import click

from runsemble.cli import exits
from runsemble.cli.directory import absolute
from runsemble.cli.say import say
from runsemble.display.words import nearest_path
from runsemble.ensemble.formats import FORMATS
from runsemble.ensemble.looking import Looking
from runsemble.errors import UsageError
from runsemble.model.resources import count_of
from runsemble.model.status import StoredStatus
from runsemble.store.records import STATUSES

SCHEMA = "runsemble.export/1"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.argument("format_", metavar="|".join(FORMATS), type=click.Choice(list(FORMATS)))
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Write there, and not to stdout.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES),
    help="Only runs with this status; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written to FILE as JSON.")
@click.option("--pickle", "allow_pickle", is_flag=True, help="Load results that are pickles: that runs their code.")
def export(
    directory: str,
    format_: str,
    output: str | None,
    statuses: tuple[StoredStatus, ...],
    as_json: bool,
    allow_pickle: bool,
) -> int:
    """Write the runs of the study in DIR as a table: a row per run, with parameters, results, and what is known of it.

    Runs are written as they are read, however many there are. A FILE appears when it is whole.
    """
    if as_json and output is None:
        raise UsageError("--json tells what was written to a file: give -o FILE; the table itself is `export DIR json`")
    if output is None and format_ == "parquet" and sys.stdout.isatty():
        raise UsageError("parquet is nothing for a terminal: give -o FILE")
    target = output if output is not None else sys.stdout.buffer
    done = asyncio.run(Looking(directory).export(target, format_, statuses, allow_pickle=allow_pickle))
    if output is not None and as_json:
        facts = {"schema": SCHEMA, "path": absolute(directory), "file": absolute(output), "format": format_}
        click.echo(json.dumps({**facts, **done._asdict()}))
    elif output is not None:
        say(f"{count_of(done.runs, 'run')} written to {nearest_path(output)}")
    if done.unread:
        hint = "" if allow_pickle else "; --pickle loads those that are pickles, which runs their code"
        say(f"note: the results of {count_of(done.unread, 'run')} cannot be read and are missing{hint}")
    return exits.OK
