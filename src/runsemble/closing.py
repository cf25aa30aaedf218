"""Work that has to come to its end although whoever asked for it was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def see_through(work: Coroutine[Any, Any, T], on_cancel: Callable[[], None] | None = None) -> T:
    """Await work that must not be cut short; it has to be bounded in time by itself.

    It runs in a task of its own. Cancellation in either dialect, a scope of anyio's or `task.cancel()` however often,
    does not reach it; one that came meanwhile is raised when it is done.

    Args:
        work: The work.
        on_cancel: Called when `task.cancel()` comes, so that the work can make haste.

    Raises:
        CancelledError: The caller was cancelled meanwhile.
        Exception: Whatever the work raises.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancellation: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancellation = error
                if on_cancel is not None:
                    on_cancel()
    if cancellation is not None:
        if not task.cancelled():
            task.exception()  # seen: the cancellation is what the caller has to hear of
        raise cancellation
    return task.result()
