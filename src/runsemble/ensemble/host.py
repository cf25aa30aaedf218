"""What a driver does for its guests: tells them what they are to do, sees off those that have died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio.to_thread

from runsemble.ensemble.attending import LOOK_S
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.control import carry_out_waiting
from runsemble.ensemble.guests import Guests, farewell
from runsemble.ensemble.hosting import OF_GUESTS
from runsemble.errors import LeaseError, StoreError
from runsemble.meanwhile import meanwhile
from runsemble.store.lease import Here
from runsemble.store.reader import Reader
from runsemble.store.writer import Writer


class Host:
    """A driver, as far as its guests are concerned.

    Args:
        writer: Holds the lease.
        reader: Reads the study.
        desk: Where commands are carried out.
        turn: Held by whoever does that.
        guests: The guests.
        look_anew: Called when a guest has died, whose agents know of runs that are anybody's now.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        desk: Desk,
        turn: asyncio.Lock,
        guests: Guests,
        look_anew: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._desk = desk
        self._turn = turn
        self._guests = guests
        self._look_anew = look_anew

    def at_home(self) -> AbstractAsyncContextManager[object]:
        """Look after the guests while the block runs."""
        return meanwhile(self._look_after())

    async def _look_after(self) -> None:
        while True:
            try:
                await self._guests.send(self._writer)
                await self._see_off()
            except LeaseError:
                return  # whoever has the lease now looks after them
            except (StoreError, OSError):
                pass  # once more, when the disk has space again
            await asyncio.sleep(LOOK_S)

    async def _see_off(self) -> None:
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
