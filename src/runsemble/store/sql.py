"""The SQL of this package, by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: Of the layout of the tables; a file with another one is migrated, or refused if it is newer.
VERSION: Final = 1
#: Marks a SQLite file as one of ours ("rsmb"). Source: sqlite.org, PRAGMA application_id.
APPLICATION_ID: Final = 0x72736D62

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")  # importlib.resources takes 5 ms to import


def _queries() -> dict[str, str]:
    parts = _NAME.split(_read("queries.sql"))
    return {name: text.strip().removesuffix(";") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


#: The statements that make the tables.
SCHEMA: Final = _read("schema.sql")
#: Statements by name.
QUERIES: Final = _queries()


def query(name: str) -> str:
    """Return the statement of this name.

    Raises:
        KeyError: There is none.
    """
    return QUERIES[name]
