"""What a guest does beside its runs: asks for more, carries orders out, watches whether the study loses its driver."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from runsemble.closing import see_through
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.guest_feed import GuestFeed
from runsemble.ensemble.guest_pen import GuestPen
from runsemble.ensemble.inbox import Command
from runsemble.ensemble.keeping import LAST_WORDS_S
from runsemble.errors import AgentsTakenOver, LeaseError, StoreError
from runsemble.meanwhile import meanwhile
from runsemble.runners.engine import Engine
from runsemble.store.lease import Watch
from runsemble.store.reader import Reader
from runsemble.store.writer import Writer, hold_lease

#: Seconds between two looks for orders, and at the driver.
LOOK_S = 0.2
#: Seconds between two questions for runs after there were none.
IDLE_S = 1.0


class Heir(Protocol):
    """Whoever goes on with a study that has lost its driver."""

    @property
    def is_ready(self) -> bool:
        """Whether it would."""

    def inherit(self, writer: Writer, lease: AsyncExitStack) -> None:
        """Be a guest no more, as the lease is its own, until `lease` is closed."""


class Visit:
    """A guest's stay.

    Args:
        pen: The guest's.
        reader: Reads the study.
        feed: Where runs go.
        engine: Where they run.
        desk: Where orders are carried out.
        heir: Goes on with the study, should it lose its driver.
    """

    def __init__(
        self,
        pen: GuestPen,
        reader: Reader,
        feed: GuestFeed,
        engine: Engine,
        desk: Desk,
        heir: Heir,
    ) -> None:
        self._pen = pen
        self._reader = reader
        self._feed = feed
        self._engine = engine
        self._desk = desk
        self._heir = heir
        self._asks_at = 0.0
        self._watch = Watch()

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Do all that while the block runs; for what is asked after that no answer is waited for very long."""
        async with meanwhile(self._keep_working()), meanwhile(self._keep_watching()):
            try:
                yield
            finally:
                self._pen.hurry(LAST_WORDS_S)

    async def _keep_working(self) -> None:
        while True:
            try:
                await self._carry_out_orders()
                await self._ask_for_runs()
            except LeaseError as error:
                self._engine.desert(AgentsTakenOver(str(error)))
                return
            except (StoreError, OSError):
                pass  # once more, when the disk has space again
            await asyncio.sleep(LOOK_S)

    async def _carry_out_orders(self) -> None:
        for name, what, arguments in await self._reader.orders(self._pen.guest):
            await see_through(self._desk.carry_out(Command(name, what, arguments)))

    async def _ask_for_runs(self) -> None:
        feed = self._feed
        if feed.unfit:
            runs = list(feed.unfit)
            feed.unfit.clear()
            await self._pen.ask("give_back", runs=runs)
        count = feed.wanted()
        now = time.monotonic()
        if not count or (feed.is_idle and now < self._asks_at):
            return
        self._asks_at = now + IDLE_S
        reply = await self._pen.ask("claim", count=count)
        feed.take_in(reply["runs"], may_come=reply["has_more"])

    async def _keep_watching(self) -> None:
        """Take the lease once nobody has it, while there is something to drive."""
        while True:
            await asyncio.sleep(LOOK_S)
            lease = await self._reader.lease()
            is_free = self._watch.is_silent((lease.epoch, lease.beat)) or lease.is_free_now
            if not is_free or not self._heir.is_ready:
                continue
            counts = await self._reader.counts()
            if lease.holder is None and not counts["pending"] and not counts["running"]:
                self._feed.take_in([], may_come=False)  # it has ended in order
                continue
            lease_stack = AsyncExitStack()
            try:
                writer = await see_through(lease_stack.enter_async_context(hold_lease(self._pen.directory)))
            except (LeaseError, StoreError):
                continue  # somebody was faster, or it is as before
            except asyncio.CancelledError:
                await see_through(lease_stack.aclose())
                raise
            self._pen.close()
            self._heir.inherit(writer, lease_stack)
            return
