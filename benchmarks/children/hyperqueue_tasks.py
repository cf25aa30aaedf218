"""HyperQueue on one machine: jobs of /bin/true, each with its two output files, through its Python API."""

from __future__ import annotations

import importlib.metadata
import os
import time
from pathlib import Path
from typing import Any

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from tell import arguments, tell


def run(client: Any, directory: Path, count: int) -> float:
    """Run one job of `count` tasks; return its seconds, until the last task's files were made.

    The client asks for the end once a second only, so the end is taken from the files.
    """
    directory.mkdir(parents=True)
    began = time.time()
    job = Job(default_workdir=directory)
    for _ in range(count):
        job.program(["/bin/true"])
    if not client.wait_for_jobs([client.submit(job)]):
        raise SystemExit("a task failed")
    with os.scandir(directory) as entries:
        stamps = [entry.stat().st_mtime for entry in entries]
    assert len(stamps) == 2 * count, f"{len(stamps)} output files of {count} tasks"
    return max(stamps) - began


def main(out: str, slots: int, counts: list[int]) -> None:
    """Run jobs of several sizes on one cluster, after one that warms it up."""
    base = Path(out)
    base.mkdir(parents=True)
    os.chdir(base)
    with LocalCluster(str(base / "server"), WorkerConfig(cores=slots)) as cluster:
        client = cluster.client()
        run(client, base / "warm", slots)
        wall_s = {str(count): run(client, base / str(count), count) for count in counts}
    tell(wall_s=wall_s, version=importlib.metadata.version("hyperqueue"))


main(**arguments())
