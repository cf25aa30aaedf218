"""Runs of several tasks under a real MPI."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from runsemble import ParallelLocalRunner, multirun

pytestmark = pytest.mark.skipif(shutil.which("mpirun") is None, reason="no mpirun on PATH")

#: Open MPI refuses root, as which tests may run on a machine of their own.
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
TELL = 'printf "%s rank %s\\n" "$(grep Cpus_allowed_list /proc/self/status)" "${OMPI_COMM_WORLD_RANK-$PMI_RANK}"'


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")
async def test_tasks_share_the_cores_of_their_run_and_are_bound_to_none_of_them(tmp_path: Path) -> None:
    result = await multirun(
        runs=[{"i": 0}, {"i": 1}],
        cmd=["sh", "-c", TELL],
        tasks=2,
        env=AS_ROOT,
        runner=ParallelLocalRunner(cores=2, pin=True),
        output_path=tmp_path / "out",
        progress=False,
    )
    result.raise_for_failures()
    for run in result:
        said = run.read_stdout().decode()
        assert sorted(re.findall(r"rank (\d+)", said)) == ["0", "1"]
        allowed = set(re.findall(r"Cpus_allowed_list:\s*(\S+)", said))
        assert len(allowed) == 1, "a task was bound to fewer cores than the run has"
        assert re.fullmatch(r"\d+[-,]\d+", allowed.pop())


async def test_more_tasks_than_the_machine_has_cores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="this runner has"):
        await multirun(runs=[{}], cmd=["true"], tasks=5000, output_path=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
