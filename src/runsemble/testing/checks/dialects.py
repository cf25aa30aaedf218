"""Cancellation, in AnyIO's dialect and in asyncio's, ends the runs and is passed on."""

from __future__ import annotations

import asyncio
import time

import anyio

from runsemble.testing.endless import Work, gather_endless, require_cancelled, study_endless, wait_started
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require
from runsemble.testing.rig import Rig


@any_runner
async def a_task_that_gathers_can_be_cancelled(rig: Rig) -> None:
    """`task.cancel()` of `gather` ends the runs and raises CancelledError."""
    await _cancel_as_task(rig, gather_endless(rig))


@any_runner
async def a_scope_around_gather_can_be_cancelled(rig: Rig) -> None:
    """Cancelling an AnyIO scope around `gather` ends the runs and leaves the scope."""
    await _cancel_as_scope(rig, gather_endless(rig))


@any_runner
async def a_task_that_runs_a_study_can_be_cancelled(rig: Rig) -> None:
    """`task.cancel()` of `multirun` ends the runs and raises CancelledError."""
    await _cancel_as_task(rig, study_endless(rig))


@any_runner
async def a_scope_around_a_study_can_be_cancelled(rig: Rig) -> None:
    """Cancelling an AnyIO scope around `multirun` ends the runs and leaves the scope."""
    await _cancel_as_scope(rig, study_endless(rig))


@pooled_runner
async def a_time_limit_around_a_study_is_kept(rig: Rig) -> None:
    """`move_on_after` around `multirun` is over soon after its time, with nothing left."""
    began = time.monotonic()
    with anyio.move_on_after(0.5) as scope:
        await study_endless(rig)()
    require(scope.cancelled_caught, "the study ended before its time")
    rig.require_no_process()
    took_s = time.monotonic() - began
    require(took_s < 5.0, f"a limit of 0.5 s took {took_s:.1f} s")


async def _cancel_as_task(rig: Rig, work: Work) -> None:
    task = asyncio.create_task(work())
    await wait_started(rig, task)
    task.cancel()
    await require_cancelled(task)
    rig.require_no_process()


async def _cancel_as_scope(rig: Rig, work: Work) -> None:
    async def cancel_once_started() -> None:
        await wait_started(rig)
        scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(cancel_once_started)
        with anyio.CancelScope() as scope:
            await work()
        require(scope.cancelled_caught, "the work ended although it was cancelled")
        rig.require_no_process()
