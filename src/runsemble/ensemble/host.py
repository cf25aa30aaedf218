"""What a driver does for others beside its runs: carries commands out, looks after its guests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio.to_thread

from runsemble.ensemble.commands import Desk
from runsemble.ensemble.control import carry_out_waiting
from runsemble.ensemble.guests import Guests, farewell
from runsemble.ensemble.hosting import OF_GUESTS
from runsemble.errors import AgentsTakenOver, LeaseError, StoreError
from runsemble.runners.engine import Engine
from runsemble.store.lease import Here
from runsemble.store.reader import Reader
from runsemble.store.writer import Writer

#: Seconds between two looks for commands of other processes.
LOOK_S = 0.2


class Host:
    """A driver, as far as other processes are concerned.

    Args:
        writer: Holds the lease.
        reader: Reads the study.
        desk: Where commands are carried out.
        guests: The guests.
        engine: Where runs run.
        look_anew: Called when a guest has died, whose agents know of runs that are anybody's now.
    """

    def __init__(
        self, writer: Writer, reader: Reader, desk: Desk, guests: Guests, engine: Engine, look_anew: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._desk = desk
        self._guests = guests
        self._engine = engine
        self._look_anew = look_anew
        self._turn = asyncio.Lock()  #: of whoever carries commands out

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Do all that while the block runs."""
        task = asyncio.get_running_loop().create_task(self._keep_answering())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_answering(self) -> None:
        while True:
            try:
                await self.answer()
                await self._guests.send(self._writer)
                await self._see_off_guests()
            except LeaseError as error:
                self._engine.desert(AgentsTakenOver(str(error)))
                return
            except (StoreError, OSError):
                pass  # the command stays where it is, for when the disk has space again
            await asyncio.sleep(LOOK_S)

    async def answer(self) -> None:
        """Carry out what other processes have asked for."""
        async with self._turn:
            await carry_out_waiting(self._desk, self._writer.directory, lambda _: True)

    async def _see_off_guests(self) -> None:
        """Take in that guests have died: what they had is anybody's, and so are their agents."""
        gone = await anyio.to_thread.run_sync(self._guests.find_gone)
        if not gone:
            return
        async with self._turn:
            await carry_out_waiting(self._desk, self._writer.directory, OF_GUESTS.__contains__)  # their last words
            gone = [guest for guest in gone if guest in await self._reader.guests()]
            if gone:
                words = [statement for guest in gone for statement in await farewell(self._reader, guest)]
                await self._writer.advance(words)
                for guest in gone:
                    self._guests.drop(guest)
        if gone:
            self._look_anew()


async def take_stock(writer: Writer, reader: Reader, desk: Desk, former_self: str = "") -> None:
    """Begin to drive a study that may have had guests: those that live go on, what others had is anybody's.

    Args:
        writer: Holds the lease.
        reader: Reads the study.
        desk: Where commands are carried out, while nothing is under way.
        former_self: The guest that this driver was, if it was one.
    """
    known = await reader.guests()
    if not known and not any(agent.guest for agent in await reader.agents()):
        return
    await carry_out_waiting(desk, writer.directory, OF_GUESTS.__contains__)
    here = await anyio.to_thread.run_sync(Here.now)
    gone = [name for name, who in known.items() if name == former_self or who.is_certainly_dead(here)]
    words = [statement for guest in gone for statement in await farewell(reader, guest)]
    await writer.commit([*words, ("adopt_agents", [()])])
