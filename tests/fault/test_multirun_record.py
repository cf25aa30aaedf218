"""What the record of a `multirun` holds, however the study ended."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from runsemble import ParallelLocalRunner, multirun
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import UsageError

from ..integration.support import Gate, lines_of, names_in, wait_until
from .conftest import StartDriver

STATUSES = ("pending", "success", "failure", "killed", "aborted", "running", "skipped")

#: Six runs of which two run at a time; each writes down that it has begun, and waits at a gate.
AT_GATE = """
result = multirun_sync(
    runs=[{{"i": i}} for i in range(6)], output_path="out", progress=False, runner=ParallelLocalRunner(max_parallel=2),
    cmd=["sh", "-c", "echo $$ > pid; echo . >> count; {gate}"],
)
report(result)
"""


def record(directory: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{directory}/runsemble.db?mode=ro", uri=True)


def rows(directory: Path | str, statement: str) -> list[Any]:
    db = record(directory)
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def stand(directory: Path | str) -> list[str]:
    return [STATUSES[number] for (number,) in rows(directory, "SELECT state FROM runs ORDER BY id")]


def is_sound(directory: Path | str) -> bool:
    """Tell whether the file is whole, counts agree, and nobody holds it or is to be asked."""
    counted = rows(directory, "SELECT state, count(*) FROM runs GROUP BY state ORDER BY state")
    assert rows(directory, "PRAGMA integrity_check") == [("ok",)]
    assert rows(directory, "SELECT state, number FROM counts WHERE number <> 0 ORDER BY state") == counted
    assert rows(directory, "SELECT holder FROM lease") == [(None,)]
    assert rows(directory, "SELECT * FROM agents") == []
    return True


async def test_every_run_is_recorded_with_its_end_its_attempts_and_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cmd = ["sh", "-c", "echo oops >&2; runsemble post y={i}; exit {i}"]
    result = await multirun(
        runs=[{"i": 0}, {"i": 3}], cmd=cmd, output_path="out", progress=False, retries=1, run_dir="run-{i}"
    )
    assert is_sound(result.output_path)
    ensemble = await Ensemble.open("out")
    good, bad = [run async for run in ensemble.runs()]
    assert (good.status, good.result, good.attempts, good.params) == ("success", {"y": 0}, 1, {"i": 0})
    assert (bad.status, bad.returncode, bad.attempts, bad.last_words) == ("failure", 3, 2, "oops")
    assert [run.run_dir for run in (good, bad)] == [run.run_dir for run in result]
    assert [run.usage for run in (good, bad)] == [run.usage for run in result]
    here = socket.gethostname()
    attempts = rows("out", "SELECT run, attempt, node FROM attempts ORDER BY 1, 2")
    assert attempts == [(0, 1, here), (1, 1, here), (1, 2, here)]
    assert [name for name in names_in("out") if "-wal" not in name and "-shm" not in name] == [
        ".runsemble", "run-0", "run-3", "runsemble.db",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 40, 300, 301, 302, 303])
async def test_no_end_is_lost_when_a_study_of_short_runs_is_over(tmp_path: Path, count: int) -> None:
    path = tmp_path / "out"
    await multirun(
        runs=({"i": i} for i in range(count)), cmd=["true"], output_path=path, progress=False, output="discard",
        runner=ParallelLocalRunner(max_parallel=4),
    )  # fmt: skip
    assert stand(path) == ["success"] * count
    assert is_sound(path)


async def test_a_study_can_be_gone_on_with_as_an_ensemble(tmp_path: Path) -> None:
    path = tmp_path / "out"
    await multirun(runs=[{"i": i} for i in range(3)], cmd=["sh", "-c", "[ -e '{submit_dir}/x{i}' ] || exit {i}"],
                   output_path=path, progress=False)  # fmt: skip
    ensemble = await Ensemble.open(path)
    assert stand(path) == ["success", "failure", "failure"]
    assert await ensemble.add_runs([{"i": 0}]) == range(3, 4)
    await ensemble.requeue_runs([1])
    await ensemble.execute()
    assert stand(path) == ["success", "failure", "failure", "success"]
    assert is_sound(path)


async def test_a_study_in_which_nothing_ran_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        await multirun(runs=[{"i": object()}], cmd=["true"], output_path=tmp_path / "out", progress=False)
    assert names_in(tmp_path) == []


async def test_a_study_that_is_cancelled_can_be_gone_on_with(tmp_path: Path) -> None:
    path, gate = tmp_path / "out", Gate(tmp_path / "gate")
    study = multirun(
        runs=[{"i": i} for i in range(4)], cmd=["sh", "-c", f"echo . >> count; {gate.words}"], output_path=path,
        progress=False, runner=ParallelLocalRunner(max_parallel=2),
    )  # fmt: skip
    task = asyncio.create_task(study)
    while not (path / "1" / "count").exists():  # noqa: ASYNC110 - a run makes it
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert set(stand(path)) == {"pending"}
    assert is_sound(path)
    gate.open()
    await (await Ensemble.open(path)).execute()
    assert stand(path) == ["success"] * 4
    assert [len(lines_of(path / str(i) / "count")) for i in range(4)] == [2, 2, 1, 1]


@pytest.mark.parametrize("presses", [1, 2, 3])
def test_after_ctrl_c_what_did_not_end_by_itself_is_pending(
    start_driver: StartDriver, gate: Gate, presses: int
) -> None:
    driver = start_driver(AT_GATE.format(gate=gate.words), on_terminal=True)
    driver.wait_running("0", "1")
    driver.press_ctrl_c()
    driver.wait_said("2 runs still running")
    if presses == 1:
        gate.open()
    else:
        driver.press_ctrl_c()
        driver.wait_said("ending 2 runs")
    if presses == 3:
        driver.press_ctrl_c()
    driver.wait_end()
    started = "success" if presses == 1 else "pending"
    assert stand(driver.output_path) == [started] * 2 + ["pending"] * 4
    assert is_sound(driver.output_path)
    gate.open()
    asyncio.run(Ensemble(driver.output_path).execute())
    assert stand(driver.output_path) == ["success"] * 6
    counts = [len(lines_of(driver.output_path / str(i) / "count")) for i in range(6)]
    assert counts == [1 if presses == 1 else 2] * 2 + [1] * 4


def test_after_kill_9_every_run_is_pending_or_running_and_none_is_lost(start_driver: StartDriver, gate: Gate) -> None:
    driver = start_driver(AT_GATE.format(gate=gate.words))
    driver.wait_running("0", "1")
    wait_until("that is written down", lambda: stand(driver.output_path) == ["running"] * 2 + ["pending"] * 4)
    agents = driver.agents
    driver.process.kill()
    driver.process.wait()
    driver.wait_nothing_left(*agents)
    assert stand(driver.output_path) == ["running"] * 2 + ["pending"] * 4
    gate.open()
    asyncio.run(Ensemble(driver.output_path).execute())
    assert stand(driver.output_path) == ["success"] * 6
    assert [len(lines_of(driver.output_path / str(i) / "count")) for i in range(6)] == [2, 2, 1, 1, 1, 1]
    assert rows(driver.output_path, "SELECT count(*), count(DISTINCT run) FROM ends") == [(6, 6)]
    assert is_sound(driver.output_path)
    assert not os.path.exists(driver.output_path / ".runsemble" / "spool")
