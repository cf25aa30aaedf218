"""The writing end of a study's file: whoever holds the lease, and nobody else."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Any, TypeAlias

import aiosqlite
import anyio
import anyio.to_thread

from runsemble.closing import see_through
from runsemble.errors import LeaseError, StoreError
from runsemble.store import connection
from runsemble.store.file import as_store_error, store_path
from runsemble.store.lease import BEAT_S, EXPIRY_S, Here, Holder, Lease, Watch, boot_clock_s
from runsemble.store.sql import query

#: Seconds between two looks at a lease that somebody holds.
POLL_S = 0.1

#: Runs that one statement writes, where there are so many; one by one they take half as long again.
GROUP = 20

#: The epoch of no lease.
NOBODYS = -1

#: A named query and the rows of arguments to execute it with.
Statement: TypeAlias = tuple[str, Sequence[Sequence[Any]]]


class Writer:
    """Commits what happened to a study, as long as the lease is its own.

    Args:
        db: A connection that may write.
        directory: The study's.
    """

    def __init__(self, db: aiosqlite.Connection, directory: str) -> None:
        self.directory = directory
        self.epoch = NOBODYS  #: of the lease
        self.guest: str | None = None  #: a guest's name; this is none
        self._db = db
        self._lock = anyio.Lock()

    async def commit(self, statements: Iterable[Statement]) -> None:
        """Execute statements in one transaction; on return they are on disk.

        Raises:
            LeaseError: Another process has taken the study over; nothing was changed.
            StoreError: The file cannot be written, for instance because the disk is full; nothing was changed.
        """
        await see_through(self._commit_alone(statements))  # a transaction is never left half open

    async def advance(self, statements: Iterable[Statement]) -> None:
        """Do what `commit` does, and have a higher epoch from then on: whatever knows it obeys no lower one."""
        await see_through(self._advance(statements))

    async def _advance(self, statements: Iterable[Statement]) -> None:
        async with self._lock:
            await self._commit([*statements, ("raise_epoch", [(self.epoch,)])])
            self.epoch += 1

    async def _commit_alone(self, statements: Iterable[Statement]) -> None:
        async with self._lock:
            await self._commit(statements)

    async def _commit(self, statements: Iterable[Statement]) -> None:
        db = self._db
        try:
            await db.execute("BEGIN IMMEDIATE")
            try:
                if await self._read_epoch() != self.epoch:
                    raise LeaseError(await self._who_took_over())
                for name, rows in statements:
                    for sql, values in _grouped(name, rows):
                        await db.executemany(sql, values)
                await db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    await db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise as_store_error(error, store_path(self.directory)) from error

    async def _read_epoch(self) -> int | None:
        async with self._db.execute(query("epoch")) as cursor:
            row = await cursor.fetchone()
        return int(row[0]) if row else None

    async def _who_took_over(self) -> str:
        lease = await read_lease(self._db)
        return f"another driver has taken over the study in {self.directory}: {lease.holder or 'it is gone by now'}"

    async def keep_beating(self) -> None:
        """Prove to be alive until cancelled. A beat that cannot be written, on a full disk perhaps, is left out.

        Raises:
            LeaseError: Another process has taken the study over, or its file is gone.
        """
        while True:
            await anyio.sleep(BEAT_S)
            await self.require_there()
            with suppress(StoreError):
                await self.commit([("renew_lease", [(boot_clock_s(), self.epoch)])])

    async def require_lease(self) -> None:
        """Make sure that nobody else has taken the study over.

        Raises:
            LeaseError: Another process has.
            StoreError: The file cannot be read.
        """
        try:
            async with self._lock:
                if await self._read_epoch() != self.epoch:
                    raise LeaseError(await self._who_took_over())
        except sqlite3.Error as error:
            raise as_store_error(error, store_path(self.directory)) from error

    async def require_there(self) -> None:
        """Make sure that the file is still where it was opened; SQLite goes on with one that was removed.

        Raises:
            LeaseError: It is not.
        """
        path = store_path(self.directory)
        if not await anyio.to_thread.run_sync(_is_open_here, path):
            raise LeaseError(f"{path} was removed or replaced while the study was being driven")

    async def begin(self, settings: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
        """Write down what a new study is, and take its lease."""
        db = self._db
        await db.execute("BEGIN")
        await db.executemany(query("set_setting"), [(name, json.dumps(value)) for name, value in settings.items()])
        await db.execute(query("add_recipe"), (json.dumps(recipe),))
        await self._succeed(await read_lease(db))
        await db.execute("COMMIT")

    async def take(self, patience_s: float) -> None:
        """Take the lease; whoever is cancelled meanwhile may have it already, and has to `release` it.

        Args:
            patience_s: How long to wait for a holder who is alive, in seconds.

        Raises:
            LeaseError: Somebody else drives the study.
        """
        here, began = Here.now(), time.monotonic()
        watch = Watch()
        while True:
            lease = await read_lease(self._db)
            if watch.is_silent((lease.epoch, lease.beat)) or lease.is_free(here, boot_clock_s()):
                if await see_through(self._succeed(lease)):
                    return
                continue  # somebody else was faster
            assert lease.holder is not None
            is_known_alive = watch.has_changed or lease.holder.boot == here.boot
            if time.monotonic() - began >= (patience_s if is_known_alive else max(patience_s, EXPIRY_S + BEAT_S)):
                who = lease.holder
                raise LeaseError(f"the study in {self.directory} is being driven by {who}", holder=who)
            await anyio.sleep(POLL_S)

    async def _succeed(self, lease: Lease) -> bool:
        done = await self._db.execute(query("take_lease"), (Holder.me().as_text(), boot_clock_s(), lease.epoch))
        if done.rowcount == 1:
            self.epoch = lease.epoch + 1
        return done.rowcount == 1

    async def release(self) -> None:
        """Give the lease back; without effect if somebody else has it."""
        await see_through(self._release())

    async def _release(self) -> None:
        async with self._lock:
            with suppress(sqlite3.Error):  # then it is free as soon as this process has ended
                await self._db.execute(query("release_lease"), (self.epoch,))


def _grouped(name: str, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    """Yield statements that write rows, with their values: many runs are written `GROUP` at a time.

    The values are tuples, which sqlite3 reads faster than their subclasses.
    """
    sql, in_groups = query(name), 0
    if name == "add_runs":
        into, _, values = sql.partition("VALUES ")
        in_groups = len(rows) - len(rows) % GROUP
        groups = (rows[at : at + GROUP] for at in range(0, in_groups, GROUP))
        yield f"{into}VALUES {', '.join([values] * GROUP)}", map(tuple, map(chain.from_iterable, groups))
    yield sql, map(tuple, rows[in_groups:])


def _is_open_here(path: str) -> bool:
    """Tell whether this process has the file open that has this path now."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.path.samestat(os.fstat(int(name)), there):
                return True
        except OSError:  # closed meanwhile
            continue
    return False


@asynccontextmanager
async def create_study(directory: str, settings: Mapping[str, Any], recipe: Mapping[str, Any]) -> AsyncIterator[Writer]:
    """Make the file of a new study with its first recipe, hold its lease meanwhile, and give it back at the end.

    Args:
        directory: The study's, which exists.
        settings: By name; values are ready for JSON.
        recipe: What its runs have in common, ready for JSON; it gets the id 1.

    Raises:
        StoreError: There is a study already, or the file cannot be made; then there is none.
    """
    async with connection.create(directory) as db:
        writer = Writer(db, directory)
        try:
            await see_through(writer.begin(settings, recipe))
            yield writer
        finally:
            await writer.release()


@asynccontextmanager
async def hold_lease(directory: str, *, patience_s: float = 0.0) -> AsyncIterator[Writer]:
    """Take the lease of a study, and give it back at the end.

    A holder on another machine that shows no sign of life is watched for `EXPIRY_S` seconds first.

    Args:
        directory: The study's.
        patience_s: How long to wait for a holder who is alive, in seconds.

    Raises:
        LeaseError: Somebody else drives the study; the text says who, where, and since when.
        StoreError: There is no such file, or it cannot be written.
    """
    async with connection.open_for_writing(directory) as db:
        writer = Writer(db, directory)
        try:
            await writer.take(patience_s)
            yield writer
        finally:
            await writer.release()


async def read_lease(db: aiosqlite.Connection) -> Lease:
    """Return what the lease of an open file says."""
    async with db.execute(query("lease")) as cursor:
        row = await cursor.fetchone()
    assert row is not None
    epoch, holder, beat, beat_boot_s = row
    return Lease(epoch=epoch, holder=Holder.parse(holder) if holder else None, beat=beat, beat_boot_s=beat_boot_s)
