"""Whole scripts for Karana's multirun, each in a process of its own, with only their import changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .command_line import OnTerminal, plain

MODEL = """\
from runsemble.compat.karana import getRunParams, postRunResults

params = getRunParams()
postRunResults({"energy": params["mass"] * 9.81, "run": params["run_id"]})
"""

SYNC = """\
import json
from pathlib import Path
from runsemble.compat import karana as multirun

runner = multirun.ParallelLocalRunner(max_parallel=2)
inputs = [multirun.FileResource(path=Path("model.py"))]
for resource in inputs:
    resource.linkage = "copy"
for number in range(2):
    multirun.multirun(
        runs=[{"mass": float(mass), "run_id": mass} for mass in range(3)],
        cmd=["python", "model.py"],
        output_path=Path("out") / str(number),
        input_files=inputs,
        runner=runner,
    )
stats = runner.computeStatistics()
print(stats.success_count, stats.failure_count, stats.pending_count, stats.complete_count, stats.total_count)
print(sum(json.loads((Path("out/1") / str(at) / "results.json").read_text())["energy"] for at in range(3)))
"""

WITH_STATUS = """\
import asyncio
from runsemble.compat.karana import ParallelLocalRunner, displayStatus, multirunAsync

async def main():
    runner = ParallelLocalRunner(max_parallel=2)
    for number in range(2):
        await asyncio.gather(
            displayStatus(runner),
            multirunAsync(
                runs=[{"n": n} for n in range(4)],
                cmd=["sleep", "0.25"],
                output_path="out/" + str(number),
                runner=runner,
            ),
        )
    empty = ParallelLocalRunner()
    await asyncio.gather(displayStatus(empty), multirunAsync(runs=[], cmd=["true"], runner=empty))

asyncio.run(main())
print("over")
"""

STATUS_LATER = """\
import asyncio
from runsemble.compat.karana import ParallelLocalRunner, displayStatus, multirunAsync

async def main():
    runner = ParallelLocalRunner(max_parallel=2)
    runs = [{"n": n} for n in range(5)]
    cmd = ["sh", "-c", "sleep 0.5; grep -v 3 params.json"]
    study = asyncio.create_task(multirunAsync(runs=runs, cmd=cmd, output_path="out/0", runner=runner))
    while not runner.computeStatistics().success_count:
        await asyncio.sleep(0.01)
    await displayStatus(runner)
    await study

asyncio.run(main())
"""

OWN_RUNNER = """\
import asyncio
from pathlib import Path
from runsemble.compat.karana import AbstractRunner, Run, RunStatistics, displayStatus, multirunAsync

class OneByOne(AbstractRunner):
    def __init__(self):
        self.todo = []

    def computeStatistics(self):
        stats = RunStatistics()
        for run, _, _ in self.todo:
            name = run.status + "_count"
            setattr(stats, name, getattr(stats, name) + 1)
        stats.complete_count = stats.skipped_count + stats.success_count + stats.failure_count
        stats.total_count = len(self.todo)
        return stats

    def add(self, cmd, cwd=Path(".")):
        self.todo.append((Run(), cmd, cwd))
        return self.todo[-1][0]

    async def gather(self):
        for run, cmd, cwd in self.todo:
            run.status = "running"
            process = await asyncio.create_subprocess_exec(*cmd, cwd=cwd)
            run.status = "success" if await process.wait() == 0 else "failure"

async def main():
    runner = OneByOne()
    study = multirunAsync(
        runs=[{"mass": 1.0, "run_id": 0}, {"mass": None, "run_id": 1}],
        cmd=["python", "model.py"],
        input_files=["model.py"],
        output_path="out",
        runner=runner,
    )
    await asyncio.gather(study, displayStatus(runner))
    print([run for run, _, _ in runner.todo])

asyncio.run(main())
"""

IMPORT = "from runsemble.compat import karana as multirun\nrunner = multirun.ParallelLocalRunner(max_parallel=2)"
WORK = """\
handle = runner.add(["sleep", "0.2"])
await handle.task
multirun.multirun(runs=[{}] * 3, cmd=["true"], output_path="out", runner=runner)
await runner.gather()
"""
LOOK = "[run.status for run in runner.runs].count('success'), runner.computeStatistics().total_count"
SHELL = """\
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
"""


@pytest.fixture(autouse=True)
def place(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "model.py").write_text(MODEL)
    (here / "out").mkdir()
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    Path("script.py").write_text(text)
    return subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False, timeout=60)


def test_ordinary_code() -> None:
    done = run_script(SYNC)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"6 0 0 6 6\n{0.0 + 9.81 + 2 * 9.81}\n"
    assert done.stderr.count("3/3 runs in ") == 2


def test_async_code_that_shows_the_status() -> None:
    done = run_script(WITH_STATUS)
    assert done.returncode == 0, done.stderr
    first, second = done.stderr.splitlines()
    assert first.startswith("4/4 runs in ")
    assert second == "8/8 runs: 8 succeeded, 0 failed, 0 skipped"


def test_there_is_one_bar_on_a_terminal() -> None:
    Path("script.py").write_text(WITH_STATUS)
    with OnTerminal([sys.executable, "script.py"], 80) as terminal:
        assert terminal.wait_end() == 0
    pyte = pytest.importorskip("pyte")
    screen = pyte.Screen(80, 50)
    pyte.Stream(screen).feed(terminal.raw)
    first, second, last = [line.rstrip() for line in screen.display if line.strip()]
    assert first.startswith("100%|")
    assert "| 4/4 [" in first
    assert "| 8/8 [" in second
    assert last == "over"
    assert "\x1b[A" not in terminal.raw, "a second bar was drawn below the first"
    assert "| 0/4 [" in plain(terminal.raw)


def test_the_bar_of_a_study_makes_room_for_a_status_that_is_shown_later() -> None:
    Path("script.py").write_text(STATUS_LATER)
    with OnTerminal([sys.executable, "script.py"], 80) as terminal:
        assert terminal.wait_end() == 0
    pyte = pytest.importorskip("pyte")
    screen = pyte.Screen(80, 50)
    pyte.Stream(screen).feed(terminal.raw)
    failed, bar = [line.rstrip() for line in screen.display if line.strip()]
    assert failed.startswith("run 3 failed: exit code 1")
    assert "| 5/5 [" in bar
    assert "\x1b[A" not in terminal.raw, "a second bar was drawn below the first"


def test_somebodys_own_runner() -> None:
    Path("out").rmdir()
    done = run_script(OWN_RUNNER)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[Run(task=None, status='success'), Run(task=None, status='failure')]\n"
    assert done.stderr.count("2/2 runs") == 1


def test_cells_of_a_notebook() -> None:
    Path("out").rmdir()
    code = f"{SHELL}for cell in {[IMPORT, WORK, LOOK]!r}:\n    shell.run_cell(cell).raise_error()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(4, 4)" in done.stdout
