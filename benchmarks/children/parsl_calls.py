"""Parsl on one machine: `python_app`s that do nothing, in workers that are there already."""

from __future__ import annotations

import time
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
from tell import arguments, tell


@parsl.python_app
def call(x: int) -> None:
    """Do nothing."""


def run(count: int) -> float:
    """Make `count` calls; return their seconds."""
    began = time.perf_counter()
    for future in [call(number) for number in range(count)]:
        future.result()
    return time.perf_counter() - began


def main(out: str, slots: int, counts: list[int]) -> None:
    """Make several numbers of calls with one executor, after a few that warm it up."""
    workers = HighThroughputExecutor(
        address="127.0.0.1", max_workers_per_node=slots, provider=LocalProvider(init_blocks=1, max_blocks=1)
    )
    with parsl.load(Config(executors=[workers], run_dir=str(Path(out) / "runinfo"))):
        run(slots)
        wall_s = {str(count): run(count) for count in counts}
    tell(wall_s=wall_s, version=parsl.__version__)


main(**arguments())
