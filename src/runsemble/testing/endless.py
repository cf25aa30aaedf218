"""Work that goes on until it is cancelled."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.require import wait_until
from runsemble.testing.rig import Rig, sh

Work: TypeAlias = Callable[[], Coroutine[Any, Any, object]]

#: A run that waits at the gate ``$1``; when it is asked to end, that takes it a moment.
_WAIT_AND_LINGER = """trap '"$2" -I -S -c "import time; time.sleep(0.1)"; exit 1' TERM; """ + WAIT_AT_GATE


def gather_endless(rig: Rig) -> Work:
    """Return what gathers runs that wait at a gate for ever."""
    runner, gate = rig.make(), rig.new_gate()
    for _ in range(4):
        runner.add(sh(_WAIT_AND_LINGER, gate, sys.executable), rig.new_dir())
    return runner.gather


def study_endless(rig: Rig) -> Work:
    """Return what runs a study whose runs wait at a gate for ever."""
    runner, gate = rig.make(), rig.new_gate()
    return lambda: rig.study(runner, [{"x": x} for x in range(50)], sh(_WAIT_AND_LINGER, gate, sys.executable))


async def wait_started(rig: Rig, task: asyncio.Task[Any] | None = None) -> None:
    """Wait until a run says that it has started, or the task is over that was to start it.

    Raises:
        AssertionError: Neither came.
    """

    def is_over() -> bool:
        return any(rig.directory.rglob("started")) or (task is not None and task.done())

    await wait_until(is_over, "a run to start")


async def require_cancelled(task: asyncio.Task[Any]) -> None:
    """Wait until a task that was cancelled is over, and fail the check unless it says so.

    Raises:
        AssertionError: It ended as if nothing had happened.
    """
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("the work ended although it was cancelled")
