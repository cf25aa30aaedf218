"""Has commands carried out on a study: by its driver if it has one, else here and now."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread

from runsemble.closing import see_through
from runsemble.ensemble import inbox
from runsemble.ensemble.book import Book
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.hosting import OF_HOSTS
from runsemble.ensemble.inbox import Command
from runsemble.ensemble.private import private_directory
from runsemble.errors import LeaseError, UsageError
from runsemble.store.reader import Reader, reading
from runsemble.store.writer import hold_lease

#: Seconds for which a driver's reply is waited for.
REPLY_S = 30.0
#: Seconds between two looks for it.
POLL_S = 0.05


async def command(directory: str, what: str, **arguments: Any) -> Any:
    """Have a command carried out; return its reply once that has happened.

    Args:
        directory: The study's.
        what: See `commands.HANDLERS`.
        arguments: Its arguments, ready for JSON.

    Raises:
        UsageError: It makes no sense; nothing was changed.
        LeaseError: The driver does not answer; it may carry the command out later.
        StoreError: There is no study there, or its record cannot be written.
    """
    order = inbox.new_command(what, **arguments)
    reply = await _carry_out(directory, order)
    if "error" in reply:
        raise UsageError(reply["error"])
    return reply


async def _carry_out(directory: str, order: Command) -> dict[str, Any]:
    async with reading(directory) as reader:
        try:
            return await carry_out_here(directory, reader, order)
        except LeaseError as error:
            busy = error
        private = private_directory(directory)
        await anyio.to_thread.run_sync(inbox.post, private, order)
        give_up = time.monotonic() + REPLY_S
        while time.monotonic() < give_up:
            reply = await reader.reply(order.name)
            if reply is not None:
                return dict(reply)
            await anyio.sleep(POLL_S)
            if not await anyio.to_thread.run_sync(os.path.exists, os.path.join(private, inbox.NAME, order.name)):
                continue
            lease = await reader.lease()
            if lease.is_free_now:  # it ended meanwhile, perhaps without having looked
                try:
                    return await carry_out_here(directory, reader, order)
                except LeaseError:
                    continue
        raise LeaseError(f"{busy}, and does not answer; it will do what was asked when it goes on")


async def carry_out_here(directory: str, reader: Reader, order: Command) -> dict[str, Any]:
    """Carry a command out as long as nobody drives the study, after those that wait already.

    Raises:
        LeaseError: Somebody drives it.
        StoreError: Its record cannot be written.
    """
    async with hold_lease(directory) as writer:
        book = await anyio.to_thread.run_sync(Book, directory, await reader.recipes())
        desk = Desk(writer, reader, book)
        await carry_out_waiting(desk, directory, lambda what: what not in OF_HOSTS)
        reply = dict(await desk.carry_out(order))
        await anyio.to_thread.run_sync(inbox.withdraw, private_directory(directory), order.name)
        return reply


async def carry_out_waiting(desk: Desk, directory: str, is_meant: Callable[[str], bool]) -> None:
    """Carry out what waits in the inbox, one after the other.

    Args:
        desk: Where.
        directory: The study's.
        is_meant: Tells of a kind of command whether it is; others go on waiting.
    """
    private = private_directory(directory)
    for waiting in await anyio.to_thread.run_sync(inbox.pending, private):
        if is_meant(waiting.what):
            await see_through(desk.carry_out(waiting))
            await anyio.to_thread.run_sync(inbox.withdraw, private, waiting.name)
