"""``runsemble suggest``: what runs should ask for."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.directory import absolute
from runsemble.cli.plan import shape_as_json
from runsemble.display.suggestions import suggestion_lines
from runsemble.ensemble.foreseeing import Foreseeing
from runsemble.sched.suggest import Suggestion

SCHEMA = "runsemble.suggest/1"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def suggest(directory: str, as_json: bool) -> int:
    """Say what runs of the study in DIR should ask for, from what those used that have ended.

    What they asked for is compared with what 95 % of them used at most; where it should be otherwise, the line ends
    with the option to write.
    """
    found = asyncio.run(_suggest(directory))
    if as_json:
        facts = [
            {
                "shape": shape_as_json(one.shape),
                "count": one.count,
                "advices": [asdict(advice) for advice in one.advices],
            }
            for one in found
        ]
        head = {"schema": SCHEMA, "version": __version__, "path": absolute(directory)}
        click.echo(json.dumps({**head, "suggestions": facts}, indent=1))
    else:
        for line in suggestion_lines(found):
            click.echo(line)
    return exits.OK


async def _suggest(directory: str) -> list[Suggestion]:
    return await Foreseeing(directory).suggest()
