"""A study of `multirun` that is under way does what other processes ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runsemble import MultirunResult, ParallelLocalRunner, multirun
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import StoreError, UsageError

from .ensembles import until
from .support import PATIENCE_S, Gate, lines_of

#: Within this much, in seconds, it has been done.
PROMPT_S = 1.0


@asynccontextmanager
async def under_way(script: str, runs: Any, **options: Any) -> AsyncIterator[tuple[Ensemble, asyncio.Task[Any]]]:
    """Have a study in ``out`` under way, whose runs write their ``x`` into ``started`` when they start."""
    cmd = ["sh", "-c", f"echo {{x}} >> ../../started; {script}"]
    options = {"output_path": "out", "progress": False, "runner": ParallelLocalRunner(2), **options}
    task = asyncio.create_task(multirun(runs=runs, cmd=cmd, **options))
    try:
        await until("two runs are running", lambda: is_recorded_as("running", 2))
        yield Ensemble("out"), task
        async with asyncio.timeout(PATIENCE_S):
            await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def is_recorded_as(status: Any, count: int) -> bool:
    try:
        return (await Ensemble("out").counts())[status] == count
    except StoreError:  # there is none yet
        return False


def sets(count: int) -> list[dict[str, int]]:
    return [{"x": x} for x in range(count)]


async def test_runs_are_killed_whether_they_run_or_wait(gate: Gate) -> None:
    async with under_way(gate.words, sets(4)) as (ensemble, task):
        async with asyncio.timeout(PROMPT_S):
            assert await ensemble.dequeue_runs([1, 3]) == [1, 3]
        gate.open()
    result: MultirunResult = task.result()
    assert [run.status for run in result] == ["success", "failure", "success", "skipped"]
    assert [run.status async for run in ensemble.runs()] == ["success", "killed", "success", "killed"]


async def test_a_run_is_executed_again(gate: Gate, here: Path) -> None:
    script = f"[ -e ../../again ] || [ {{x}} != 0 ] || exit 1; {gate.words}"
    async with under_way(script, sets(3)) as (ensemble, task):
        await until("run 0 has failed", lambda: is_recorded_as("failure", 1))
        (here / "again").touch()
        async with asyncio.timeout(PROMPT_S):
            assert await ensemble.requeue_runs([0]) == [0]
        gate.open()
    result: MultirunResult = task.result()
    assert [(run.params["x"], run.status, run.attempts) for run in result] == [
        (0, "success", 2), (1, "success", 1), (2, "success", 1),
    ]  # fmt: skip
    assert result.statistics.total_count == 3
    assert [run.status async for run in ensemble.runs()] == ["success"] * 3


async def test_a_run_that_is_added_is_taken_in_and_comes_last(gate: Gate) -> None:
    def endless() -> Iterator[dict[str, int]]:
        for x in range(45):
            yield {"x": x}

    async with under_way(gate.words, endless(), run_dir="x{x}") as (ensemble, task):
        async with asyncio.timeout(PROMPT_S):
            added = await ensemble.add_runs([{"x": 100}, {"x": 101}])
        with pytest.raises(UsageError, match="run_dir gives"):
            await ensemble.add_runs([{"x": 0}])
        gate.open()
    result: MultirunResult = task.result()
    assert len(added) == 2
    assert [run.params["x"] for run in result] == [*range(45), 100, 101]
    assert len({run.id for run in result}) == 47
    assert {run.status for run in result} == {"success"}
    assert {run.id async for run in ensemble.runs("success")} == {run.id for run in result}
    assert sorted(map(int, lines_of("started"))) == [*range(45), 100, 101]


async def test_it_is_drained_and_what_has_not_started_is_pending(gate: Gate) -> None:
    async with under_way(gate.words, sets(5)) as (ensemble, task):
        async with asyncio.timeout(PROMPT_S):
            await ensemble.drain()
        gate.open()
    assert [run.status for run in task.result()] == ["success", "success", "skipped", "skipped", "skipped"]
    assert (await ensemble.counts())["pending"] == 3


async def test_it_is_stopped_and_what_ran_is_pending(gate: Gate) -> None:
    async with under_way(gate.words, sets(3)) as (ensemble, _):
        async with asyncio.timeout(PROMPT_S):
            await ensemble.stop()
    assert (await ensemble.counts())["pending"] == 3


async def test_it_is_resized(gate: Gate) -> None:
    runner = ParallelLocalRunner(2, counts_small=False)
    async with under_way(gate.words, sets(4), runner=runner) as (ensemble, _):
        async with asyncio.timeout(PROMPT_S):
            await ensemble.resize(4)
        await until("all are running", lambda: is_recorded_as("running", 4))
        gate.open()


async def test_a_resumed_study_answers_as_well(gate: Gate) -> None:
    await multirun(runs=sets(2), cmd=["sh", "-c", "exit {x}"], output_path="out", progress=False)
    async with under_way(gate.words, [{"x": 7}, {"x": 8}], resume=True) as (ensemble, task):
        async with asyncio.timeout(PROMPT_S):
            assert await ensemble.requeue_runs([1]) == [1]
            assert await ensemble.add_runs([{"x": 9}]) == range(4, 5)
        gate.open()
    result: MultirunResult = task.result()
    assert [(run.id, run.status) for run in result] == [(2, "success"), (3, "success"), (1, "failure"), (4, "success")]
