"""Cancellation leaves nothing behind, whenever it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio

from runsemble.model import events
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.endless import gather_endless, require_cancelled, study_endless, wait_started
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import PATIENCE_S, require
from runsemble.testing.rig import Rig, sh

#: Times, in seconds after its beginning, at which a study is cancelled: before, while and after its agent starts.
_MOMENTS_S = (0.0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.17, 0.22)
#: Seconds within which a study ends whose runs end at once.
_SOON_S = 5.0
#: After how many turns of the event loop work is cancelled that has just begun, or is about to end.
_TURNS = (0, 1, 2, 3, 4, 6, 10, 15)


@any_runner
async def gather_can_be_cancelled_while_it_starts_a_run(rig: Rig) -> None:
    """Wherever `gather` is cancelled on its way to its first run, in either dialect, nothing is left."""
    for turns in _TURNS:
        task = asyncio.create_task(gather_endless(rig)())
        await _turn(turns)
        task.cancel()
        await require_cancelled(task)
        rig.require_no_process()
        async with anyio.create_task_group() as group:
            group.start_soon(gather_endless(rig))
            await _turn(turns)
            group.cancel_scope.cancel()
        rig.require_no_process()


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
    await require_cancelled(task)
    require(not goes_on, "the study went on although it was cancelled")
    rig.require_no_process()


@pooled_runner
async def a_second_cancellation_leaves_nothing_either(rig: Rig) -> None:
    """Cancelling once more, while runs are being ended, leaves nothing behind."""
    gate = rig.new_gate()
    runner = rig.make_pooled()
    runner.add(sh("trap '' TERM; " + WAIT_AT_GATE, gate), rig.directory)
    task = asyncio.create_task(runner.gather())
    await wait_started(rig, task)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await require_cancelled(task)
    rig.require_no_process()


@pooled_runner
async def a_study_can_be_cancelled_at_any_moment(rig: Rig) -> None:
    """Wherever in its course `multirun` is cancelled, nothing is left: while its agent starts, too."""
    for moment_s in _MOMENTS_S:
        task = asyncio.create_task(study_endless(rig)())
        await asyncio.sleep(moment_s)
        task.cancel()
        await require_cancelled(task)
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
        await _turn(turns)
        task.cancel()
        await asyncio.wait([task])
        require(task.cancelled() or task.exception() is None, f"cancelled after {turns} turns, the study raised")
        left = await rig.wait_leftovers()
        require(not left, f"cancelled after {turns} turns: " + "; ".join(left))


async def _wait_ended(runner: PooledRunner) -> None:
    """Wait until a run ends."""
    ended = asyncio.Event()
    runner.listen(lambda event: ended.set() if isinstance(event, events.RunEnded) else None)
    await ended.wait()


async def _turn(turns: int) -> None:
    """Let the event loop turn."""
    for _ in range(turns):
        await asyncio.sleep(0)
