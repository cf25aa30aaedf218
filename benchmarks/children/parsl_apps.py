"""Parsl on one machine: `bash_app`s of /bin/true with their two output files."""

from __future__ import annotations

import time
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider
from tell import arguments, tell


@parsl.bash_app
def run_true(stdout: str = "", stderr: str = "") -> str:
    """Name the command."""
    return "/bin/true"


def run(directory: Path, count: int) -> float:
    """Run `count` apps; return their seconds."""
    directory.mkdir(parents=True)
    began = time.perf_counter()
    futures = [run_true(stdout=f"{directory}/{i}.stdout", stderr=f"{directory}/{i}.stderr") for i in range(count)]
    codes = [future.result() for future in futures]
    wall_s = time.perf_counter() - began
    assert codes == [0] * count, "an app failed"
    files = sum(1 for _ in directory.iterdir())
    assert files == 2 * count, f"{files} output files of {count} apps"
    return wall_s


def main(out: str, slots: int, counts: list[int]) -> None:
    """Run apps of several numbers with one executor, after a few that warm it up."""
    base = Path(out)
    workers = HighThroughputExecutor(
        address="127.0.0.1", max_workers_per_node=slots, provider=LocalProvider(init_blocks=1, max_blocks=1)
    )
    with parsl.load(Config(executors=[workers], run_dir=str(base / "runinfo"))):
        run(base / "warm", slots)
        wall_s = {str(count): run(base / str(count), count) for count in counts}
    tell(wall_s=wall_s, version=parsl.__version__)


main(**arguments())
