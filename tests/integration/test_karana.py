"""Scripts for Karana's multirun, with only their import changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runsemble.compat import karana
from runsemble.errors import DirectoryError

from .support import processes_of, wait_until

SIMULATE = """\
from runsemble.compat.karana import getRunParams, postRunResults
params = getRunParams()
postRunResults({"energy": params["mass"] * 9.81, "kind": type(params["mass"])})
"""

SCRIPT = """\
from pathlib import Path
from runsemble.compat.karana import FileResource, ParallelLocalRunner, multirun

runner = ParallelLocalRunner(max_parallel=2)
multirun(
    runs=({"mass": mass} for mass in (1.0, 2.0, 3.0)),
    cmd=["python", "model.py"],
    output_path=Path("out"),
    input_files=[FileResource(Path("simulate.py"), linkage="copy", rename="model.py"), "data.txt"],
    runner=runner,
)
stats = runner.computeStatistics()
print(stats.success_count, stats.complete_count, stats.total_count)
print([run.status for run in runner.runs])
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "simulate.py").write_text(SIMULATE)
    (tmp_path / "data.txt").write_text("some data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNSEMBLE_RUN_ID", "")  # no bar
    return tmp_path


def test_a_script_runs_as_it_stands(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "sweep.py").write_text(SCRIPT)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run([sys.executable, "sweep.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 3 3\n['success', 'success', 'success']\n"
    assert (here / "out/1/model.py").read_text() == SIMULATE
    assert not (here / "out/1/model.py").is_symlink()
    assert (here / "out/1/data.txt").resolve() == here / "out/.shared/data.txt"


async def test_what_was_posted_comes_back_whatever_it_is() -> None:
    cmd = [sys.executable, "simulate.py"]
    result = await karana.multirunAsync(runs=[{"mass": 2}], cmd=cmd, input_files=["simulate.py"])
    assert result.results == [{"energy": 19.62, "kind": int}]


def test_the_ordinary_function_can_be_called_where_no_loop_runs() -> None:
    assert len(karana.multirun(runs=[{}, {}], cmd=["true"])) == 2


async def test_a_command_is_taken_as_it_is(here: Path) -> None:
    cmd = ["printf", "%s|", "{mass}", "{{mass}}", "data.txt", "{run_id}"]
    result = await karana.multirunAsync(runs=[{"mass": 1}], cmd=cmd)
    assert result[0].read_stdout() == b"{mass}|{{mass}}|data.txt|{run_id}|"


async def test_a_parameter_may_have_any_name(here: Path) -> None:
    params = {"run_id": 7, "run_dir": "mine", "submit_dir": "there"}
    result = await karana.multirunAsync(runs=[params], cmd=["cat", "params.json"], output_path="out")
    assert json.loads(result[0].read_stdout()) == result[0].params == params
    assert result[0].run_dir == str(here / "out/0")


async def test_the_directory_of_the_runs_must_be_new(here: Path) -> None:
    (here / "out").mkdir()
    with pytest.raises(DirectoryError, match="exists already"):
        await karana.multirunAsync(runs=[{}], cmd=["true"], output_path="out")


async def test_four_runs_go_at_once_and_cores_are_not_assigned() -> None:
    runner = karana.ParallelLocalRunner()
    cmd = ["sh", "-c", 'echo "${OMP_NUM_THREADS-none}"; while [ ! -e ../go ]; do sleep 0.01; done']
    study = asyncio.create_task(karana.multirunAsync(runs=[{}] * 5, cmd=cmd, output_path="out", runner=runner))
    await asyncio.to_thread(wait_until, "four runs are there", lambda: runner.computeStatistics().running_count == 4)
    stats = runner.computeStatistics()
    assert (stats.running_count, stats.pending_count, stats.total_count) == (4, 1, 5)
    assert sorted(run.status for run in runner.runs) == ["pending"] + ["running"] * 4
    await asyncio.to_thread(Path("out/go").touch)
    result = await study
    assert {run.read_stdout() for run in result} == {b"none\n"}
    assert [run.status for run in runner.runs] == ["success"] * 5


async def test_an_added_run_starts_without_gather(here: Path) -> None:
    runner = karana.ParallelLocalRunner(max_parallel=2)
    good, bad = runner.add(["true"]), runner.add(["false"], here)
    assert good.status == "pending"
    assert good.task is not None
    await good.task
    await runner.gather()
    assert [run.status for run in runner.runs] == ["success", "failure"]
    assert runner.runs == [good, bad]
    later = runner.add(["true"])
    assert later.task is not None
    await later.task
    assert later.status == "success"


def test_a_run_added_before_there_is_a_loop_starts_with_gather() -> None:
    runner = karana.ParallelLocalRunner(max_parallel=1)
    run = runner.add(["true"])
    before = run.task, run.status
    asyncio.run(runner.gather())
    assert (before, run.status) == ((None, "pending"), "success")


async def test_the_semaphore_keeps_a_run_from_starting() -> None:
    runner = karana.ParallelLocalRunner(max_parallel=1)
    async with runner.semaphore:
        run = runner.add(["true"])
        for _ in range(20):
            await asyncio.sleep(0.005)
        kept_waiting = run.status == "pending"
    await runner.gather()
    assert (kept_waiting, run.status) == (True, "success")


async def test_the_semaphore_can_be_taken_and_given_back_by_hand() -> None:
    runner = karana.ParallelLocalRunner(max_parallel=1)
    assert await runner.semaphore.acquire()
    run = runner.add(["true"])
    runner.semaphore.release()
    await runner.gather()
    assert run.status == "success"
    with pytest.raises(ValueError, match="without acquire"):
        runner.semaphore.release()


async def test_a_status_bar_ends_with_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    runner = karana.ParallelLocalRunner(max_parallel=2)
    bar = asyncio.create_task(karana.displayStatus(runner))
    await karana.multirunAsync(runs=[{}] * 3, cmd=["true"], runner=runner)
    await asyncio.wait_for(bar, 10)
    assert "3/3 runs" in capsys.readouterr().err


class TheirRunner(karana.AbstractRunner):
    """What somebody wrote for the original."""

    def __init__(self) -> None:
        self.runs: list[karana.Run] = []

    def computeStatistics(self) -> karana.RunStatistics:  # noqa: N802
        statistics = karana.RunStatistics()
        statistics.total_count = len(self.runs)
        statistics.success_count = sum(run.status == "success" for run in self.runs)
        statistics.complete_count = sum(run.status in ("success", "failure") for run in self.runs)
        return statistics

    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> karana.Run:
        run = karana.Run()
        run.task = asyncio.get_running_loop().create_task(self._go(run, cmd, cwd))
        self.runs.append(run)
        return run

    async def gather(self) -> None:
        await asyncio.gather(*(run.task for run in self.runs if run.task))

    async def _go(self, run: karana.Run, cmd: Sequence[str], cwd: Path) -> None:
        run.status = "running"
        process = await asyncio.create_subprocess_exec(*cmd, cwd=cwd)
        run.status = "success" if await process.wait() == 0 else "failure"


async def test_somebodys_own_runner_is_used(here: Path) -> None:
    runner = TheirRunner()
    cmd = [sys.executable, "simulate.py"]
    result = await karana.multirunAsync(
        runs=[{"mass": 1.0}, {"mass": "heavy"}], cmd=cmd, input_files=["simulate.py"], output_path="out", runner=runner
    )
    assert [run.status for run in result] == [run.status for run in runner.runs] == ["success", "failure"]
    assert result[0].result == {"energy": 9.81, "kind": float}


async def test_a_runner_that_adds_in_its_own_way_is_asked_to(here: Path) -> None:
    class Noting(karana.ParallelLocalRunner):
        noted: list[Path] = []  # noqa: RUF012

        def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> karana.Run:
            self.noted.append(Path(cwd))
            return super().add(list(cmd), cwd)

    result = await karana.multirunAsync(runs=[{}, {}], cmd=["true"], output_path="out", runner=Noting(max_parallel=2))
    assert Noting.noted == [here / "out/0", here / "out/1"]
    assert [run.status for run in result] == ["success", "success"]


async def test_cancelling_ends_the_runs(here: Path) -> None:
    study = asyncio.create_task(karana.multirunAsync(runs=[{}] * 2, cmd=["sleep", "60"], output_path="out"))
    await asyncio.to_thread(wait_until, "both runs are there", lambda: len(processes_of(here / "out")) == 2)
    study.cancel()
    with pytest.raises(asyncio.CancelledError):
        await study
    assert await asyncio.to_thread(processes_of, here / "out") == {}


def test_in_a_run_the_helpers_load_nothing_that_starts_runs() -> None:
    code = "import sys; from runsemble.compat.karana import getRunParams; print('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_every_name_is_there_and_no_other() -> None:
    names: dict[str, Any] = {}
    exec("from runsemble.compat.karana import *", names)
    assert set(karana.__all__) <= names.keys()
    assert set(dir(karana)) == set(karana.__all__)
    with pytest.raises(AttributeError, match="no attribute 'multiRun'"):
        karana.multiRun  # noqa: B018
