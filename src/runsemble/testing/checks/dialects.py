"""Cancellation, in AnyIO's dialect and in asyncio's, ends the runs and is passed on."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

import anyio

from runsemble.model import events
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import PATIENCE_S, require, wait_until
from runsemble.testing.rig import Rig, sh

Work: TypeAlias = Callable[[], Coroutine[Any, Any, object]]

#: A run that waits at the gate ``$1``; when it is asked to end, that takes it a moment.
_WAIT_AND_LINGER = """trap '"$2" -I -S -c "import time; time.sleep(0.1)"; exit 1' TERM; """ + WAIT_AT_GATE

#: Times, in seconds after its beginning, at which a study is cancelled: before, while and after its agent starts.
_MOMENTS_S = (0.0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.17, 0.22)
#: Seconds within which a study ends whose runs end at once.
_SOON_S = 5.0
#: After how many turns of the event loop a study is cancelled whose last run has ended.
_TURNS = (0, 1, 2, 3, 4, 6, 10)


@any_runner
async def a_task_that_gathers_can_be_cancelled(rig: Rig) -> None:
    """`task.cancel()` of `gather` ends the runs and raises CancelledError."""
    await _cancel_as_task(rig, _gather(rig))


@any_runner
async def a_scope_around_gather_can_be_cancelled(rig: Rig) -> None:
    """Cancelling an AnyIO scope around `gather` ends the runs and leaves the scope."""
    await _cancel_as_scope(rig, _gather(rig))


@any_runner
async def a_task_that_runs_a_study_can_be_cancelled(rig: Rig) -> None:
    """`task.cancel()` of `multirun` ends the runs and raises CancelledError."""
    await _cancel_as_task(rig, _study(rig))


@any_runner
async def a_scope_around_a_study_can_be_cancelled(rig: Rig) -> None:
    """Cancelling an AnyIO scope around `multirun` ends the runs and leaves the scope."""
    await _cancel_as_scope(rig, _study(rig))


@any_runner
async def a_study_can_be_cancelled_while_it_reads_parameters(rig: Rig) -> None:
    """Cancelling `multirun` while its iterable makes it wait ends the runs so far, and no further one starts."""
    reading, gate = asyncio.Event(), rig.new_gate()

    async def parameters() -> AsyncIterator[dict[str, int]]:
        yield {"x": 1}
        yield {"x": 2}
        reading.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(rig.study(rig.make(), parameters(), sh(WAIT_AT_GATE, gate)))
    await asyncio.wait_for(reading.wait(), PATIENCE_S)
    task.cancel()
    await asyncio.wait([task], timeout=_SOON_S)
    goes_on = not task.done()
    task.cancel()
    await _require_cancelled(task)
    require(not goes_on, "the study went on although it was cancelled")
    rig.require_no_process()


@pooled_runner
async def a_second_cancellation_leaves_nothing_either(rig: Rig) -> None:
    """Cancelling once more, while runs are being ended, leaves nothing behind."""
    gate = rig.new_gate()
    runner = rig.make_pooled()
    runner.add(sh("trap '' TERM; " + WAIT_AT_GATE, gate), rig.directory)
    task = asyncio.create_task(runner.gather())
    await _wait_started(rig, 1, task)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await _require_cancelled(task)
    rig.require_no_process()


@pooled_runner
async def a_study_can_be_cancelled_at_any_moment(rig: Rig) -> None:
    """Wherever in its course `multirun` is cancelled, nothing is left: while its agent starts, too."""
    for moment_s in _MOMENTS_S:
        task = asyncio.create_task(_study(rig)())
        await asyncio.sleep(moment_s)
        task.cancel()
        await _require_cancelled(task)
        rig.require_no_process()
        left = await rig.wait_leftovers()
        require(not left, f"cancelled after {moment_s:g} s: " + "; ".join(left))


@pooled_runner
async def a_study_can_be_cancelled_while_it_ends(rig: Rig) -> None:
    """Wherever `multirun` is cancelled after its last run has ended, nothing is left, whether it returns or not."""
    for turns in _TURNS:
        runner = rig.make_pooled()
        task = asyncio.create_task(rig.study(runner, [{}], sh("exit 0")))
        await asyncio.wait_for(_wait_ended(runner), PATIENCE_S)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        require(task.cancelled() or task.exception() is None, f"cancelled after {turns} turns, the study raised")
        left = await rig.wait_leftovers()
        require(not left, f"cancelled after {turns} turns: " + "; ".join(left))


@pooled_runner
async def a_time_limit_around_a_study_is_kept(rig: Rig) -> None:
    """`move_on_after` around `multirun` is over soon after its time, with nothing left."""
    began = time.monotonic()
    with anyio.move_on_after(0.5) as scope:
        await _study(rig)()
    require(scope.cancelled_caught, "the study ended before its time")
    rig.require_no_process()
    took_s = time.monotonic() - began
    require(took_s < 5.0, f"a limit of 0.5 s took {took_s:.1f} s")


def _gather(rig: Rig) -> Work:
    """Return what gathers runs that wait at a gate for ever."""
    runner, gate = rig.make(), rig.new_gate()
    for _ in range(4):
        runner.add(sh(_WAIT_AND_LINGER, gate, sys.executable), rig.new_dir())
    return runner.gather


def _study(rig: Rig) -> Work:
    """Return what runs a study whose runs wait at a gate for ever."""
    runner, gate = rig.make(), rig.new_gate()
    return lambda: rig.study(runner, [{"x": x} for x in range(50)], sh(_WAIT_AND_LINGER, gate, sys.executable))


async def _cancel_as_task(rig: Rig, work: Work) -> None:
    task = asyncio.create_task(work())
    await _wait_started(rig, 1, task)
    task.cancel()
    await _require_cancelled(task)
    rig.require_no_process()


async def _cancel_as_scope(rig: Rig, work: Work) -> None:
    async def cancel_once_started() -> None:
        await _wait_started(rig, 1)
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(cancel_once_started)
        with anyio.CancelScope() as scope:
            await work()
        require(scope.cancelled_caught, "the work ended although it was cancelled")
        rig.require_no_process()


async def _wait_ended(runner: PooledRunner) -> None:
    """Wait until a run ends."""
    ended = asyncio.Event()
    runner.listen(lambda event: ended.set() if isinstance(event, events.RunEnded) else None)
    await ended.wait()


async def _wait_started(rig: Rig, count: int, task: asyncio.Task[Any] | None = None) -> None:
    def has_started() -> bool:
        return len(list(rig.directory.rglob("started"))) >= count or (task is not None and task.done())

    await wait_until(has_started, f"{count} runs to start")


async def _require_cancelled(task: asyncio.Task[Any]) -> None:
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("the work ended although it was cancelled")
