"""``runsemble stop``: has a driver end what runs, and itself."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import click

from runsemble.cli.directory import DIRECTORY
from runsemble.cli.reply import AS_JSON, QUIET
from runsemble.cli.steer import steer
from runsemble.ensemble.ensemble import Ensemble


@click.command()
@DIRECTORY
@click.option("--now", is_flag=True, help="End what runs with SIGKILL, instead of SIGTERM first.")
@click.option(*AS_JSON, is_flag=True, help="Print who was told as JSON.")
@click.option(*QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def stop(directory: str, now: bool, **options: Any) -> int:
    """Have whoever drives the study in DIR end what runs, and then itself.

    Runs that are ended so are pending again: `runsemble resume DIR` starts them anew.
    """
    act = partial(Ensemble(directory).stop, how="kill" if now else "stop")
    words = "what runs of {here} is ended ({running}), and stays pending: runsemble resume {here} goes on"
    return asyncio.run(steer(directory, "stop", act, words, options))
