"""Brings the file of an older version up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sqlite3 import complete_statement

import aiosqlite

from runsemble.errors import StoreError
from runsemble.store.sql import VERSION

#: What turns a layout into the next one, by the number of the former.
STEPS: Mapping[int, str] = {}


async def migrate(db: aiosqlite.Connection, path: str) -> None:
    """Bring the layout of an open file to this version's, step by step, each whole or not at all.

    Raises:
        StoreError: It is from before the first layout that this version knows.
    """
    await migrate_from(db, path, await _layout(db))


async def migrate_from(db: aiosqlite.Connection, path: str, found: int) -> None:
    """Do what `migrate` does, with a file that had this layout a moment ago; others may be at it as well.

    Raises:
        StoreError: See `migrate`.
    """
    for version in range(found, VERSION):
        if version not in STEPS:
            raise StoreError(f"{path} has layout {version}, which this version of runsemble cannot read", path=path)
        await db.execute("BEGIN IMMEDIATE")
        try:
            if await _layout(db) == version:
                for statement in _statements(STEPS[version]):
                    await db.execute(statement)
                await db.execute(f"PRAGMA user_version = {version + 1}")
            await db.execute("COMMIT")
        except BaseException:
            await db.execute("ROLLBACK")
            raise


async def _layout(db: aiosqlite.Connection) -> int:
    async with db.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit before the first one."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if complete_statement(statement):
            yield statement
            statement = ""
