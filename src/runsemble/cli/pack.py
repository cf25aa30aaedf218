"""``runsemble pack``: what successful runs wrote, in one file instead of many."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import click

from runsemble._version import __version__
from runsemble.cli.directory import DIRECTORY
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.display.words import nearest_path
from runsemble.ensemble.ensemble import Ensemble
from runsemble.model.resources import count_of

SCHEMA = "runsemble.pack/1"


@click.command()
@DIRECTORY
@click.option(*AS_JSON, is_flag=True, help="Print what was packed as JSON.")
@click.option(*QUIET, is_flag=True, help="Print nothing but what goes wrong.")
def pack(directory: str, **options: Any) -> int:
    """Pack what the successful runs of the study in DIR wrote into one file, and remove the many small ones.

    `runsemble logs` prints it as before. Nobody may drive the study meanwhile.
    """
    done = asyncio.run(Ensemble(directory).pack())
    size = f"{done.size_bytes / 2**20:.1f} MiB in {count_of(done.files, 'file')} of {count_of(done.runs, 'run')}"
    words = (
        f"packed: {size}; runsemble logs {nearest_path(directory)} RUN prints it" if done.files else "nothing to pack"
    )
    return reply(words, {"schema": SCHEMA, "version": __version__, **asdict(done)}, options)
