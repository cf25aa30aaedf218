"""The SQLite file of a study: where it is, whether it is one, what went wrong with it, and a quick look into it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from runsemble.errors import StoreError
from runsemble.store.sql import APPLICATION_ID, VERSION
from runsemble.store.text import from_store

#: The file, in the directory of its study.
FILE_NAME = "runsemble.db"
#: With less room than this, in bytes, an error of the disk means that it is full.
_LEAST_ROOM = 1 << 18
#: Seconds to wait for somebody else's transaction; longer where the network is in between.
BUSY_S = 30.0


def store_path(directory: str) -> str:
    """Return the file of the study in `directory`."""
    return os.path.join(directory, FILE_NAME)


def require_there(path: str) -> None:
    """Make sure that there is a file.

    Raises:
        StoreError: There is none.
    """
    if not os.path.isfile(path):
        raise StoreError(f"there is no study in {os.path.dirname(path)}: {FILE_NAME} is not there", path=path)


def require_ours(application: int, version: int, path: str) -> None:
    """Make sure that a file is one of ours that can be read.

    Args:
        application: Its ``PRAGMA application_id``.
        version: Its ``PRAGMA user_version``.
        path: The file.

    Raises:
        StoreError: It is no file of ours, or from a newer version.
    """
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is not a file of runsemble's", path=path)
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer version of runsemble (layout {version}, this one knows {VERSION}): "
            "upgrade with pip install --upgrade runsemble",
            path=path,
        )


@contextmanager
def glancing(directory: str) -> Iterator[sqlite3.Connection]:
    """Yield a connection that reads the study in `directory`, for a look without an event loop.

    That is for threads that read very much at once, and for short processes: it takes a millisecond, not ten.

    Raises:
        StoreError: There is no study there, it is none of ours, from a newer version, or damaged.
    """
    path = store_path(directory)
    require_there(path)
    try:
        db = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BUSY_S)
        try:
            db.text_factory = from_store
            ((application,),) = db.execute("PRAGMA application_id")
            ((version,),) = db.execute("PRAGMA user_version")
            require_ours(application, version, path)
            yield db
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise as_store_error(error, path) from error


def as_store_error(error: sqlite3.Error, path: str) -> StoreError:
    """Return the error for people to what SQLite said."""
    words = str(error)
    directory = os.path.dirname(path)
    if "malformed" in words or "not a database" in words or "disk image" in words:
        return StoreError(f"{path} is damaged ({words}): runsemble rebuild {directory} makes it anew", path=path)
    if "readonly" in words or "unable to open" in words:
        return StoreError(f"{path} cannot be written to or opened ({words})", path=path)
    if "full" in words or ("I/O" in words and is_full(directory)):
        return StoreError(f"the disk is full ({path})", path=path)
    if "locked" in words:
        return StoreError(f"{path} is locked ({words}): whoever writes to it is very busy, or was stopped", path=path)
    return StoreError(f"{path}: {words}", path=path)


def is_full(directory: str) -> bool:
    """Tell whether a disk has no room left for what SQLite writes beside its file."""
    try:
        room = os.statvfs(directory)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _LEAST_ROOM
