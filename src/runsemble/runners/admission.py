"""Lets whoever takes runs in for an engine wait until it has room for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runsemble.runners.engine import Engine
from runsemble.sched.feed import MAX_LAG, to_admit

#: Longest time, in seconds, for which runs are taken in without a turn for anybody else on the event loop.
SLICE_S = 0.002
#: Seconds between two looks at a subscriber that has fallen behind.
LAG_POLL_S = 0.01


class Admission:
    """The way into an engine, for one who takes runs in.

    Args:
        engine: Where they go.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._news = asyncio.Event()
        self._give_way_at = 0.0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hear of room while the block runs."""
        self._engine.room_listeners.append(self.tell)
        try:
            yield
        finally:
            self._engine.room_listeners.remove(self.tell)

    def tell(self) -> None:
        """Let `news` wait no longer."""
        self._news.set()

    @property
    def count(self) -> int:
        """How many further runs may be taken in now.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        self.require()
        engine = self._engine
        return to_admit(engine.slots, engine.waiting_count, engine.lag)

    def require(self) -> None:
        """Make sure that the engine goes on.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        if self._engine.failure is not None:
            raise self._engine.failure

    async def news(self) -> None:
        """Wait until `count` may be another one, or `tell` is called."""
        if self._engine.lag > MAX_LAG:
            await asyncio.sleep(LAG_POLL_S)
        else:
            self._news.clear()
            await self._news.wait()

    def begin(self) -> None:
        """Begin to take runs in, one after the other."""
        self._give_way_at = time.monotonic() + SLICE_S

    @property
    def is_time_to_give_way(self) -> bool:
        """Whether others should have a turn."""
        return time.monotonic() > self._give_way_at

    async def give_way(self) -> None:
        """Start what was taken in, and let others have a turn."""
        self._engine.pump()
        await asyncio.sleep(0)
        self.begin()
