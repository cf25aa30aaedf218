"""``runsemble drain``: has a driver start nothing more."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from runsemble.cli.directory import DIRECTORY
from runsemble.cli.reply import AS_JSON, QUIET
from runsemble.cli.steer import steer
from runsemble.ensemble.ensemble import Ensemble


@click.command()
@DIRECTORY
@click.option(*AS_JSON, is_flag=True, help="Print who was told as JSON.")
@click.option(*QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def drain(directory: str, **options: Any) -> int:
    """Have whoever drives the study in DIR start nothing more, and end when nothing runs any more.

    What is pending stays pending: `runsemble resume DIR` goes on with it.
    """
    words = "nothing more of {here} is started; its driver ends when what runs has ended ({running})"
    return asyncio.run(steer(directory, "drain", Ensemble(directory).drain, words, options))
