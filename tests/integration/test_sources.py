"""Where parameter sets may come from, and how a study may follow from its own runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from runsemble import FeedError, ParallelLocalRunner, UsageError, multirun
from runsemble.model import events

from .conftest import RunStudy
from .support import wait_until


def test_a_generator_is_asked_only_as_runs_are_started(study: RunStudy) -> None:
    asked: list[int] = []

    def parameter_sets() -> Iterator[dict[str, int]]:
        for x in range(1000):
            asked.append(x)
            yield {"x": x}

    result = study("sh", "-c", "exit 1", runs=parameter_sets(), max_failures=3)
    assert result.statistics.failure_count >= 4
    assert len(asked) < 200, "the generator was asked far beyond what could be started"


@pytest.mark.parametrize("kind", [list, tuple, iter], ids=lambda kind: kind.__name__)
def test_any_iterable_will_do(study: RunStudy, kind: Any) -> None:
    result = study("echo", "{x}", runs=kind([{"x": x} for x in range(5)]))
    assert [run.read_stdout() for run in result] == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]


def test_the_rows_of_a_table_will_do(study: RunStudy) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"beta": [0.1, 0.2], "n": [1, 2]})
    result = study("echo", "{beta}", "{n}", runs=table.to_dict("records"))
    assert [run.read_stdout() for run in result] == [b"0.1 1\n", b"0.2 2\n"]


async def test_an_async_iterable_will_do(here: Path) -> None:
    async def parameter_sets() -> AsyncIterator[dict[str, int]]:
        for x in range(5):
            await asyncio.sleep(0)
            yield {"x": x}

    result = await multirun(runs=parameter_sets(), cmd=["true"], output_path="out", progress=False)
    assert [run.params["x"] for run in result] == [0, 1, 2, 3, 4]
    assert result.statistics.success_count == 5


@pytest.mark.parametrize("bad", [OSError("the source is gone"), "no parameter set"], ids=["raises", "nonsense"])
async def test_a_feed_that_ends_badly_removes_nothing_of_runs_that_were_at_work(here: Path, bad: Any) -> None:
    async def parameter_sets() -> AsyncIterator[Any]:
        yield {"x": 1}
        await asyncio.to_thread(wait_until, "the first is at work", (here / "out/0/checkpoint").exists)
        if isinstance(bad, Exception):
            raise bad
        yield bad

    cmd = ["sh", "-c", "echo hours of work > checkpoint; sleep 1000"]
    with pytest.raises((FeedError, UsageError)) as caught:
        await multirun(runs=parameter_sets(), cmd=cmd, output_path="out", progress=False)
    error: Any = caught.value
    assert [(run.status, run.attempts) for run in error.result] == [("skipped", 1)]
    assert (here / "out/0/checkpoint").read_text() == "hours of work\n"


async def test_parameter_sets_may_wait_for_what_earlier_runs_found(here: Path) -> None:
    ended = asyncio.Event()

    def note(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            ended.set()

    async def one_after_another() -> AsyncIterator[dict[str, int]]:
        for x in range(5):
            yield {"x": x}
            await ended.wait()
            ended.clear()

    runner = ParallelLocalRunner()
    runner.listen(note)
    async with asyncio.timeout(20):
        result = await multirun(
            runs=one_after_another(), cmd=["true"], output_path="out", progress=False, runner=runner
        )
    assert result.statistics.success_count == 5


async def test_the_callers_tasks_go_on_while_a_study_runs(here: Path) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticker = asyncio.create_task(tick())
    await multirun(runs=[{}] * 4, cmd=["sleep", "0.2"], output_path="out", progress=False)
    ticker.cancel()
    assert ticks > 10
