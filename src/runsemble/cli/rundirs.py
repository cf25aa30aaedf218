"""``runsemble rundirs``: the directories of the runs of a study."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.directory import DIRECTORY
from runsemble.cli.printing import write_as_is
from runsemble.ensemble.looking import Looking

SCHEMA = "runsemble.rundirs/1"


@click.command()
@DIRECTORY
@click.option("-n", "--nonexistent", is_flag=True, help="Those that do not exist yet, too.")
@click.option("-0", "--null", "is_null_separated", is_flag=True, help="End each with a zero byte, as for xargs -0.")
@click.option("--json", "as_json", is_flag=True, help="Print them with the ids of their runs as JSON.")
def rundirs(directory: str, **options: Any) -> int:
    """Print the directories of the runs of the study in DIR, one a line, in the order of their ids."""
    return asyncio.run(_print(directory, **options))


async def _print(directory: str, *, nonexistent: bool, is_null_separated: bool, as_json: bool) -> int:
    is_begun = False
    end = "\0" if is_null_separated else "\n"
    async with aclosing(Looking(directory).run_dirs(nonexistent=nonexistent)) as directories:
        async for id_, path in directories:
            if as_json:
                head = {"schema": SCHEMA, "path": directory}
                sys.stdout.write(",\n" if is_begun else json.dumps(head)[:-1] + ', "directories": [\n')
                sys.stdout.write(json.dumps({"id": id_, "run_dir": path}))
            else:
                write_as_is(path + end)
            is_begun = True
    if as_json:
        sys.stdout.write("\n]}\n" if is_begun else json.dumps({"schema": SCHEMA, "path": directory, "directories": []}))
    return exits.OK
