"""Opens the SQLite file of a study, in the way that suits the disk it is on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiosqlite
import anyio.to_thread

from runsemble.closing import see_through
from runsemble.errors import StoreError
from runsemble.store.file import BUSY_S, as_store_error, is_full, require_ours, require_there, store_path
from runsemble.store.migrations import migrate
from runsemble.store.sql import APPLICATION_ID, SCHEMA, VERSION
from runsemble.store.text import from_store

#: File systems on which memory shared between machines does not work, which WAL needs. Source: sqlite.org/wal.html.
#: Of those in user space nobody knows; a rollback journal is right everywhere.
_SHARED_FILESYSTEMS = (
    "nfs", "lustre", "gpfs", "beegfs", "cifs", "smb", "afs", "ceph", "glusterfs", "panfs", "orangefs", "pvfs2",
    "wekafs", "fuse.", "9p", "virtiofs",
)  # fmt: skip


def is_shared(path: str, mounts: str | None = None) -> bool:
    """Tell whether a path is on a file system that several machines share.

    Args:
        path: Absolute path; need not exist. Links on the way are followed.
        mounts: What is mounted where, in the form of ``/proc/self/mounts``, which is read when None.
    """
    if mounts is None:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    path = os.path.realpath(path)
    kind, depth = "", -1
    for line in filter(None, mounts.split("\n")):
        _, mounted_at, fstype, *_ = line.split(" ")  # what is mounted may have an empty name
        mount = mounted_at.encode("latin-1", "backslashreplace").decode("unicode_escape")
        is_above = path == mount or path.startswith(mount.rstrip("/") + "/")
        if is_above and len(mount) >= depth:
            kind, depth = fstype, len(mount)
    return kind.startswith(_SHARED_FILESYSTEMS)


@asynccontextmanager
async def create(directory: str) -> AsyncIterator[aiosqlite.Connection]:
    """Make the file of a new study, and yield a connection that may write to it.

    Raises:
        StoreError: There is one already, or it cannot be made; then none was.
    """
    path = store_path(directory)
    await anyio.to_thread.run_sync(_make, path)
    async with _connection(path, "rw") as db:
        yield db


def _make(path: str) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        raise StoreError(f"there is a study in {os.path.dirname(path)} already", path=path) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}", path=path) from error
    try:
        make_tables(path)
    except BaseException as error:
        has_no_room = is_full(os.path.dirname(path))
        _remove(path)
        if not isinstance(error, (sqlite3.Error, OSError)):
            raise
        if has_no_room:
            raise StoreError(f"the record of the study cannot be made: the disk is full ({path})", path=path) from error
        raise StoreError(f"{path} cannot be made: {error}", path=path) from error


def make_tables(path: str) -> None:
    """Make the tables in an empty file; nobody must know of it yet, as it is not made safely."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {SCHEMA} COMMIT;"
        )
    finally:
        db.close()


@asynccontextmanager
async def open_for_writing(directory: str) -> AsyncIterator[aiosqlite.Connection]:
    """Yield a connection that may write to the file of a study; see `open_for_reading` for errors."""
    path = store_path(directory)
    async with _opened(path, "rw") as db:
        await migrate(db, path)
        yield db


@asynccontextmanager
async def open_for_reading(directory: str) -> AsyncIterator[aiosqlite.Connection]:
    """Yield a connection that only reads the file of a study.

    Raises:
        StoreError: There is none, it is no file of ours, from a newer version, or damaged.
    """
    path = store_path(directory)
    async with _opened(path, "ro") as db:
        yield db


@asynccontextmanager
async def _opened(path: str, mode: str) -> AsyncIterator[aiosqlite.Connection]:
    await anyio.to_thread.run_sync(require_there, path)
    async with _connection(path, mode) as db:
        yield db


@asynccontextmanager
async def _connection(path: str, mode: str) -> AsyncIterator[aiosqlite.Connection]:
    try:
        db = await _connect(path, mode)
    except sqlite3.Error as error:
        raise as_store_error(error, path) from error
    db.text_factory = from_store
    try:
        await _check(db, path)  # before anything is done to a file that may not be ours
        if mode == "rw":
            journal = "DELETE" if await anyio.to_thread.run_sync(is_shared, path) else "WAL"
            await db.execute(f"PRAGMA journal_mode = {journal}")
            await db.execute("PRAGMA synchronous = FULL")
        await db.execute("PRAGMA cache_size = -8000")
        yield db
    except sqlite3.DatabaseError as error:
        raise as_store_error(error, path) from error
    finally:
        await see_through(db.close())


async def _connect(path: str, mode: str) -> aiosqlite.Connection:
    """Open a connection; where that is cancelled, none is left, nor its thread."""
    opened: list[aiosqlite.Connection] = []

    async def connect() -> None:
        url = f"file:{quote(path)}?mode={mode}"
        opened.append(await aiosqlite.connect(url, uri=True, timeout=BUSY_S, isolation_level=None))

    try:
        await see_through(connect())
    except BaseException:
        for db in opened:
            await see_through(db.close())
        raise
    return opened[0]


async def _check(db: aiosqlite.Connection, path: str) -> None:
    require_ours(await _pragma(db, "application_id"), await _pragma(db, "user_version"), path)


async def _pragma(db: aiosqlite.Connection, name: str) -> int:
    async with db.execute(f"PRAGMA {name}") as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
