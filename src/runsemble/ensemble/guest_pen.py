"""The writing end of a guest: what it has to say goes to the driver, through the inbox.

Nothing is kept here for longer than it takes until the driver has committed it. What a guest has not been told to be
written its agents keep, as those of any driver do, and whoever takes them over hears of it again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread

from runsemble import codec
from runsemble.closing import see_through
from runsemble.ensemble import inbox
from runsemble.ensemble.control import carry_out_here
from runsemble.ensemble.guests import beat_path
from runsemble.ensemble.inbox import Command
from runsemble.ensemble.private import private_directory
from runsemble.errors import LeaseError, StoreError
from runsemble.store.lease import BEAT_S, Holder
from runsemble.store.reader import Reader
from runsemble.store.writer import Statement

#: Seconds for which an answer is waited for before somebody takes part.
JOIN_S = 30.0
#: Seconds between two looks for an answer.
POLL_S = 0.05


class GuestPen:
    """Has the driver of a study write down what a guest has to say.

    Args:
        directory: The study's.
        reader: Reads it.
        name: The guest's.
        epoch: Of the lease when it came.
    """

    def __init__(self, directory: str, reader: Reader, name: str, epoch: int) -> None:
        self.directory = directory
        self.guest = name
        self.epoch = epoch
        self.is_settled = False  #: everything that there was to say is written down
        self._reader = reader
        self._private = private_directory(directory)
        self._beats = beat_path(directory, name)
        self._asked = 0
        self._read: list[str] = []  #: commands whose replies were read
        self._lock = anyio.Lock()
        self._ends_at = float("inf")  #: from when on nothing is waited for any more, monotonic

    # Coming and going

    async def join(self) -> bool:
        """Come to take part; False if nobody drives the study any more.

        Raises:
            LeaseError: The driver does not answer.
        """
        await anyio.to_thread.run_sync(self._begin_beating)
        order = self._command("join", who=Holder.me().as_text())
        await anyio.to_thread.run_sync(inbox.post, self._private, order)
        give_up, reply, is_free = time.monotonic() + JOIN_S, None, False
        while time.monotonic() < give_up:
            reply = await self._reader.reply(order.name)
            if reply is not None:
                self._read.append(order.name)
                break
            is_free = (await self._reader.lease()).is_free_now
            if is_free:
                break
            await anyio.sleep(POLL_S)
        if reply == {}:
            return True
        await anyio.to_thread.run_sync(inbox.withdraw, self._private, order.name)
        await anyio.to_thread.run_sync(self._end_beating)
        lease = await self._reader.lease()
        if is_free or lease.is_free_now:  # another one may have taken it meanwhile
            return False
        why = "which does not answer" if reply is None else reply["error"]
        raise LeaseError(f"the study in {self.directory} is being driven by {lease.holder}: {why}")

    async def leave(self) -> None:
        """Go, if everything is written down that there was to say; else others find out what is left."""
        if self.is_settled:
            with suppress(LeaseError, StoreError):
                await self.ask("leave")
        await anyio.to_thread.run_sync(self._end_beating)

    def close(self) -> None:
        """Say nothing more: whoever waits for an answer gets none."""
        self._ends_at = 0.0

    def hurry(self, patience_s: float) -> None:
        """Wait for answers no longer than so many seconds from now on, all together."""
        self._ends_at = min(self._ends_at, time.monotonic() + patience_s)

    # Talking

    async def ask(self, what: str, **arguments: Any) -> Any:
        """Have a command carried out; return the reply.

        Raises:
            LeaseError: This guest was taken for dead, or drives the study itself by now.
            StoreError: It cannot be asked now, as the disk is full perhaps.
        """
        if time.monotonic() > self._ends_at:  # what was asked before may be carried out yet, and not once more
            raise self._farewell()
        order = self._command(what, **arguments)
        try:
            await anyio.to_thread.run_sync(inbox.post, self._private, order)
        except OSError as error:
            raise StoreError(f"the driver of {self.directory} cannot be asked: {error}") from error
        try:
            reply = await self._wait_reply(order)
        except BaseException:
            if what == "claim":  # a question, and no news
                await see_through(anyio.to_thread.run_sync(inbox.withdraw, self._private, order.name))
            raise
        self._read.append(order.name)
        if "error" in reply:
            raise LeaseError(reply["error"])
        return reply

    async def _wait_reply(self, order: Command) -> Any:
        while True:
            reply = await self._reader.reply(order.name)
            if reply is not None:
                return reply
            if time.monotonic() > self._ends_at:
                raise self._farewell()
            await anyio.sleep(POLL_S)
            if (await self._reader.lease()).is_free_now and order.what != "claim":
                with suppress(LeaseError, StoreError):  # somebody was faster, or the disk is full: then later
                    return await carry_out_here(self.directory, self._reader, order)

    def _farewell(self) -> LeaseError:
        return LeaseError(f"this guest of the study in {self.directory} is a guest no more")

    def _command(self, what: str, **arguments: Any) -> Command:
        read, self._read = self._read, []
        self._asked += 1
        return Command(f"{self.guest}-{self._asked:09d}", what, {"guest": self.guest, "read": read, **arguments})

    # As a pen

    async def commit(self, statements: Iterable[Statement]) -> None:
        """See `pen.Pen`."""
        await see_through(self._commit(statements))

    async def _commit(self, statements: Iterable[Statement]) -> None:
        async with self._lock:
            plain = [[name, [list(row) for row in rows]] for name, rows in statements]
            await self.ask("report", statements=codec.encode(plain))

    async def keep_beating(self) -> None:
        """See `pen.Pen`."""
        while True:
            await anyio.sleep(BEAT_S)
            try:
                await anyio.to_thread.run_sync(os.utime, self._beats)
            except FileNotFoundError:
                raise LeaseError(f"this guest of the study in {self.directory} was taken for dead") from None
            except OSError:
                pass

    async def require_there(self) -> None:
        """See `pen.Pen`."""

    def _begin_beating(self) -> None:
        os.makedirs(os.path.dirname(self._beats), mode=0o700, exist_ok=True)
        with open(self._beats, "w"):
            pass

    def _end_beating(self) -> None:
        with suppress(OSError):
            os.unlink(self._beats)


def new_name() -> str:
    """Return a name that no guest has had; what it asks comes after what was asked before."""
    return f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}"
