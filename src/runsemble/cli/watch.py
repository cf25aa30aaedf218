"""``runsemble watch``: follows a study that another process drives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.driving import is_over, look_who, next_step
from runsemble.cli.follow import Follower, until_driver_ends
from runsemble.cli.reply import AS_JSON
from runsemble.cli.say import say
from runsemble.cli.status import print_status, status_facts
from runsemble.cli.study_summary import print_study_summary
from runsemble.ensemble.look import looking
from runsemble.ensemble.overview import drivers_of
from runsemble.model.resources import count_of
from runsemble.store.reader import reading


@click.command(epilog=f"\b\n{exits.HELP}")
@DIRECTORY
@click.option("--eta", "shows_eta", is_flag=True, help="Show when it will be over.")
@click.option(*AS_JSON, is_flag=True, help="Print what `status --json` does, a line each time when that changes.")
@click.option("-q", "--quiet", is_flag=True, help="Print no summary at the end.")
def watch(directory: str, **options: Any) -> int:
    """Follow the study in DIR, which another process drives, until that ends; then print a summary.

    Ctrl-C leaves, and disturbs nobody. Where there is no terminal, lines are written instead of a bar.
    """
    try:
        return asyncio.run(_watch(directory, options))
    except KeyboardInterrupt:
        say(f"\nleft; it goes on: runsemble watch {typed(directory)}")
        return exits.INTERRUPTED


async def _watch(directory: str, options: dict[str, Any]) -> int:
    _, counts = await look_who(directory)
    async with reading(directory) as reader:
        drivers = await drivers_of(reader)
    if not drivers:
        await (_Lines(directory).print() if options["as_json"] else print_status(directory))
        return exits.FAILED if counts["failure"] + counts["aborted"] else exits.OK
    if not options["as_json"]:
        say(f"{typed(directory)} is driven by {drivers[0]}; Ctrl-C leaves")
    async with looking(directory) as look:
        if options["as_json"]:
            is_over_for_certain = await until_driver_ends(look, _Lines(directory).print)
        else:
            is_over_for_certain = await Follower(look, counts, shows_clock=options["shows_eta"]).follow()
    if not is_over_for_certain:
        say(f"its driver gives no sign of life any more: {next_step(directory)} takes it over")
        return exits.INFRASTRUCTURE
    if not options["quiet"] and not options["as_json"]:
        await print_study_summary(directory, None)
    _, counts = await look_who(directory)
    if not is_over(counts) and not options["as_json"]:
        left = count_of(counts["pending"] + counts["running"], "run")
        say(f"its driver has ended, and {left} left; go on with {next_step(directory)}")
    return exits.FAILED if counts["failure"] + counts["aborted"] else exits.OK


class _Lines:
    """Prints how a study stands, a line each time when that has changed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._printed: dict[str, object] | None = None

    async def print(self) -> None:
        facts = await status_facts(self._directory)
        if facts != self._printed:
            self._printed = facts
            click.echo(json.dumps(facts))
