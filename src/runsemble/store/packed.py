"""Keeps what runs wrote in one file, compressed, in place of many small ones.

It is a file of SQLite's beside the record, not a table in it: the record stays as small as it is, and as easy to copy.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple
from urllib.parse import quote

from runsemble.errors import StoreError
from runsemble.store.file import BUSY_S

#: The file, in the private directory of its study.
FILE_NAME = "logs.db"

_TABLE = """CREATE TABLE IF NOT EXISTS logs (
    run INTEGER NOT NULL, attempt INTEGER NOT NULL, name TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (run, attempt, name)
)"""
_ADD = "INSERT OR REPLACE INTO logs (run, attempt, name, data) VALUES (?, ?, ?, ?)"
_FIND = "SELECT data FROM logs WHERE run = ? AND attempt = ? AND name = ?"


class PackedLog(NamedTuple):
    """What one attempt at a run wrote to one file."""

    run: int
    attempt: int
    name: str
    data: bytes


def add_logs(path: str, logs: Iterable[PackedLog]) -> None:
    """Put logs into the pack at `path`, all or none; on return they are on disk.

    Raises:
        StoreError: It cannot be written.
    """
    rows = ((log.run, log.attempt, log.name, zlib.compress(log.data)) for log in logs)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_S)) as db:
            db.execute("PRAGMA synchronous = FULL")
            with db:
                db.execute(_TABLE)
                db.executemany(_ADD, rows)
    except sqlite3.Error as error:
        raise StoreError(f"the output of runs cannot be packed: {path}: {error}", path=path) from error


def find_log(path: str, run: int, attempt: int, name: str) -> bytes | None:
    """Return a log out of the pack at `path`; None if it is not in there, or there is no pack.

    Raises:
        StoreError: The pack cannot be read.
    """
    if not os.path.exists(path):
        return None
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BUSY_S)) as db:
            row = db.execute(_FIND, (run, attempt, name)).fetchone()
        return None if row is None else zlib.decompress(row[0])
    except (sqlite3.Error, zlib.error) as error:
        raise StoreError(f"the packed output of runs cannot be read: {path}: {error}", path=path) from error
