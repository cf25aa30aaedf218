"""The places of a runner, as the semaphore that Karana's scripts know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from runsemble.compat.karana._place import Place
from runsemble.model.resources import Request


class Semaphore:
    """Has as many places as runs can run at the same time.

    Args:
        here: Returns the place of the running event loop.
        places: All there are.
    """

    def __init__(self, here: Callable[[], Place], places: Iterable[Place]) -> None:
        self._here = here
        self._places = places
        self._releasing: set[asyncio.Task[Any]] = set()

    def locked(self) -> bool:
        """Tell whether there is no place to be had at once."""
        shape = Request().shape
        runners = [place.runner for place in self._places]
        return any(runner.is_running and not runner.engine.pool.room(shape) for runner in runners)

    async def acquire(self) -> bool:
        """Wait for a place, and take it."""
        place = self._here()
        grant = place.runner.pool.acquire(cores=1)
        await grant.__aenter__()
        place.held.append(grant)
        return True

    def release(self) -> None:
        """Give a place back.

        Raises:
            ValueError: None was taken.
        """
        task = asyncio.get_running_loop().create_task(self._take_held().__aexit__(None, None, None))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    def _take_held(self) -> Any:
        held = self._here().held
        if not held:
            raise ValueError("release() without acquire()")
        return held.pop()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._take_held().__aexit__(None, None, None)
