"""The life of a runner's engine: opened for the first who needs it, closed after the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from runsemble.closing import see_through
from runsemble.errors import UsageError
from runsemble.model.resources import Request
from runsemble.runners.engine import Engine


class Life:
    """Keeps an engine open as long as somebody uses it, in one event loop at a time.

    Opening and closing never overlap: who comes while an engine is being closed waits, and gets a new one.

    Args:
        open_engine: Returns an open engine, for a first request if there is one.
        close_engine: Ends what an engine runs, and the engine; bounded in time.
    """

    def __init__(
        self,
        open_engine: Callable[[Request | None], Awaitable[Engine]],
        close_engine: Callable[[Engine], Awaitable[None]],
    ) -> None:
        self.engine: Engine | None = None
        self.hosts = 0  #: who lets added runs start: those who have entered the runner or gather, or are about to
        self._open_engine = open_engine
        self._close_engine = close_engine
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Let nobody else open or close anything meanwhile.

        Raises:
            UsageError: The engine is in use in another event loop.
        """
        self._come_into(asyncio.get_running_loop())
        async with self._lock:
            yield

    def claim(self) -> None:
        """Count one more host, before anything else can happen; `enter` must follow.

        Raises:
            UsageError: The engine is in use in another event loop.
        """
        self._come_into(asyncio.get_running_loop())
        self.hosts += 1

    def _come_into(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:
            return
        self._refuse_deserted()
        is_in_use = self.engine is not None or self._lock.locked()
        if is_in_use and self._loop is not None and not self._loop.is_closed():
            raise UsageError(
                "this runner is in use in another event loop, perhaps by whoever waits for this one: "
                "give each event loop a runner of its own"
            )
        self._loop, self._lock = loop, asyncio.Lock()
        self._users = self.hosts = 0  # who was there when the other loop was closed comes no more

    def _refuse_deserted(self) -> None:
        if self.engine is not None and self._loop is not None and self._loop.is_closed():
            raise UsageError(
                "this runner was entered and never left in an event loop that is closed now: use `async with runner:` "
                "there, and a new runner here"
            )

    def check_place(self) -> None:
        """Refuse a call from anywhere but the event loop in which the engine is open.

        Raises:
            UsageError: It comes from another thread, or that loop is closed.
        """
        if self.engine is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is not self._loop:
            self._refuse_deserted()
            raise UsageError(
                "this runner is in use in an event loop in another thread: "
                "call it from there, for instance with loop.call_soon_threadsafe"
            )

    async def enter(self, request: Request | None) -> Engine:
        """Count one more user, and open an engine for the first.

        Raises:
            AgentError: An agent could not be started.
            UsageError: The engine is in use in another event loop.
        """
        async with self.turn():
            if self.engine is None:
                self.engine = await self._open_engine(request)
            self._users += 1
            return self.engine

    async def leave(self) -> None:
        """Count one user less, and close the engine after the last; bounded, and never cut short."""
        self._users -= 1
        if not self._users:
            await see_through(self._close_unless_used())

    async def _close_unless_used(self) -> None:
        async with self.turn():
            engine = self.engine
            if self._users or engine is None:
                return
            self.engine = None
            await self._close_engine(engine)
