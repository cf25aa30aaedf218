"""``runsemble start``: executes what is pending, in the background."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.driving import is_over, look_who
from runsemble.cli.options import JOBS
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.cli.say import say
from runsemble.ensemble.detached import start_detached
from runsemble.errors import LeaseError
from runsemble.model.resources import count_of


@click.command()
@DIRECTORY
@JOBS
@click.option(
    "--allow-multiple", is_flag=True, help="Take part where another process drives the study; else that is an error."
)
@click.option(*AS_JSON, is_flag=True, help="Print what was started as JSON.")
@click.option(*QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def start(directory: str, jobs: int | None, allow_multiple: bool, **options: Any) -> int:
    """Execute what is pending of the study in DIR, in a process of its own that outlives this terminal.

    It returns at once. `runsemble watch DIR` follows it, `runsemble status DIR` says how far it is, and
    `runsemble drain DIR` or `runsemble stop DIR` end it before everything is done.
    """
    here = typed(directory)
    _, counts = asyncio.run(look_who(directory))
    if is_over(counts):
        if options["as_json"]:
            return reply("", _facts(directory, None), options)
        say(f"nothing is pending in {here}: runsemble add adds runs, runsemble requeue executes some again")
        return exits.OK
    try:
        pid = asyncio.run(start_detached(directory, max_concurrency=jobs, allow_multiple=allow_multiple))
    except LeaseError as error:
        raise LeaseError(f"{error}; follow it: runsemble watch {here}") from error
    left = count_of(counts["pending"] + counts["running"], "run")
    return reply(
        f"process {pid} executes {left} of {here}; follow it: runsemble watch {here}",
        _facts(directory, pid),
        options,
    )


def _facts(directory: str, pid: int | None) -> dict[str, Any]:
    return {"schema": "runsemble.start/1", "path": directory, "pid": pid}
