"""Reads what can still be read of the damaged file of a study.

SQLite reports damage when it comes upon it, and not before: whatever lies on sound pages can be had, if one asks for
it in ranges of keys and halves a range that cannot be read, down to single rows. Where the pages are gone that lead to
others, those are looked at one by one. Where the first page is gone, which
says what tables there are, that of an empty study takes its place: the tables of all studies begin at the same pages.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

from runsemble.store.connection import make_tables
from runsemble.store.sql import APPLICATION_ID

#: Keys that are asked for at a time.
CHUNK = 1000
#: So many probes, evenly spaced, tell a table of which nothing can be read.
PROBES = 64
#: What belongs to a file of SQLite's, by what follows its name.
COMPANIONS = ("-wal", "-journal")

#: How a page begins that holds rows of a table. Source: sqlite.org/fileformat2.html, "B-tree Pages".
_TABLE_LEAF = b"\x0d"

#: Tables whose keys are numbers, with the key and the columns.
NUMBERED = {
    "recipes": ("id", "id, spec"),
    "runs": (
        "id",
        "id, recipe, params, own, directory, identity, state, cause, attempt, step, returncode, message, forgiven",
    ),
    "attempts": (
        "run",
        (
            "run, attempt, step, started, node, pid, cores, gpus, cause, returncode, message, wall_s, user_s, "
            "system_s, max_rss_bytes, rss_floor_bytes, tail"
        ),
    ),
    "results": ("run", "run, kind, value"),
    "ends": ("seq", "seq, run"),
    "events": ("id", "id, time, kind, text"),
}
#: Tables whose keys are texts, likewise; they are small.
NAMED = {
    "settings": ("name", "name, value"),
    "commands": ("name", "name, reply"),
    "agents": ("place", "place, spool, node, epoch, guest"),
}


class Salvage:
    """A copy of a damaged file, to be read as far as it can be. The file itself is left as it is.

    Args:
        path: The file.
        scratch: An empty directory for the copy.
    """

    def __init__(self, path: str, scratch: str) -> None:
        self._copy = os.path.join(scratch, "damaged.db")
        self._pristine = os.path.join(scratch, "pristine.db")
        for suffix in ("", *COMPANIONS):
            with suppress(FileNotFoundError):
                shutil.copyfile(path + suffix, self._copy + suffix)
        self._db = self._connect()
        if not self._has_tables():
            self._db.close()
            self._renew_first_page()
            self._db = self._connect()

    def close(self) -> None:
        """Read nothing more."""
        self._db.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._copy, isolation_level=None, check_same_thread=False)
        with suppress(sqlite3.Error):
            db.execute("PRAGMA cell_size_check = ON")
        return db

    def _has_tables(self) -> bool:
        try:
            names = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error:
            return False
        return names >= {*NUMBERED, *NAMED, "lease", "counts"}

    def _renew_first_page(self) -> None:
        """Put the first page of an empty study in place of the copy's own."""
        make_tables(self._pristine)
        with open(self._pristine, "rb") as file:
            header = file.read(100)
            size = int.from_bytes(header[16:18]) or 65536
            file.seek(0)
            page = bytearray(file.read(size))
        count = os.path.getsize(self._copy) // size
        page[28:32] = count.to_bytes(4)  # Source: sqlite.org/fileformat2.html, "in-header database size"
        has_wal = os.path.exists(self._copy + "-wal") and os.path.getsize(self._copy + "-wal") > 0
        page[18:20] = b"\2\2" if has_wal else b"\1\1"
        with open(self._copy, "r+b") as file:
            file.write(page)

    # Reading

    def number(self, sql: str) -> int | None:
        """Return the number that a query finds; None if it finds none, or that cannot be read."""
        try:
            row = self._db.execute(sql).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row is not None and type(row[0]) is int else None

    def last_key(self, table: str) -> int | None:
        """Return the greatest key of a table with numbers for keys; None if that cannot be read."""
        return self.number(f"SELECT max({NUMBERED[table][0]}) FROM {table}")

    def lease(self) -> tuple[int, str | None, int, float] | None:
        """Return what the row of the lease says; None if that cannot be read."""
        try:
            row = self._db.execute("SELECT epoch, holder, beat, beat_boot_s FROM lease WHERE id = 1").fetchone()
        except sqlite3.Error:
            return None
        return None if row is None else tuple(row)

    def named(self, table: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table with texts for keys: from either end up to what cannot be read."""
        key, columns = NAMED[table]
        seen = set()
        for order in ("ASC", "DESC"):
            try:
                for row in self._db.execute(f"SELECT {columns} FROM {table} ORDER BY {key} {order}"):
                    if row[0] in seen:
                        break
                    seen.add(row[0])
                    yield row
                else:
                    return
            except sqlite3.Error:
                continue

    def numbered(self, table: str, first: int, last: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a table with numbers for keys, those that can be read, in their order, in lists.

        Args:
            table: Which.
            first: The least key.
            last: The greatest key that there may be.
        """
        key, columns = NUMBERED[table]
        sql = f"SELECT {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"
        if self._is_lost(sql, first, last):
            return
        for low in range(first, last + 1, CHUNK):
            yield from self._range(sql, low, min(low + CHUNK - 1, last))

    def leaves(self, table: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows on every page that may be a leaf of a table, whether or not the table leads there.

        Each such page takes the place of the table's first one, and the table then consists of it alone. Rows of other
        tables come along, with columns that make no sense. Afterwards nothing else can be read.
        """
        root = self.number(f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'")
        size = self.number("PRAGMA page_size")
        if root is None or size is None:
            return
        with suppress(sqlite3.Error):  # what is in the log is to be in the file
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        sql = f"SELECT {NUMBERED[table][1]} FROM {table} NOT INDEXED"
        with open(self._copy, "r+b", buffering=0) as file:
            for number in range(1, os.path.getsize(self._copy) // size):
                page = os.pread(file.fileno(), size, number * size)
                if page[:1] == _TABLE_LEAF and number + 1 != root:
                    os.pwrite(file.fileno(), page, (root - 1) * size)
                    yield self._rows_now(sql)

    def _rows_now(self, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with closing(sqlite3.connect(f"file:{quote(self._copy)}?immutable=1", uri=True)) as db, suppress(sqlite3.Error):
            rows.extend(db.execute(sql))
        return rows

    def _is_lost(self, sql: str, first: int, last: int) -> bool:
        step = max(1, (last - first) // PROBES)
        return all(self._try(sql, key, key) is None for key in range(first, last + 1, step))

    def _range(self, sql: str, low: int, high: int) -> Iterator[list[tuple[Any, ...]]]:
        rows = self._try(sql, low, high)
        if rows is not None:
            yield rows
        elif low < high:
            middle = (low + high) // 2
            yield from self._range(sql, low, middle)
            yield from self._range(sql, middle + 1, high)

    def _try(self, sql: str, low: int, high: int) -> list[tuple[Any, ...]] | None:
        try:
            return self._db.execute(sql, (low, high)).fetchall()
        except sqlite3.Error:
            return None


def is_whole(path: str) -> bool:
    """Tell whether a file is a study's, and SQLite finds no fault with it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
            (recipes,) = db.execute("SELECT count(*) FROM recipes").fetchone()
            (leases,) = db.execute("SELECT count(*) FROM lease").fetchone()
    except sqlite3.Error:
        return False
    return bool(application == APPLICATION_ID and verdict == "ok" and recipes and leases)
