"""Writes the file of a study anew from what was salvaged; nobody knows of the file before it is whole."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runsemble.store.connection import make_tables
from runsemble.store.records import NewRun
from runsemble.store.salvage import NAMED, NUMBERED
from runsemble.store.sound import Row


class Renewal:
    """A new file.

    Args:
        path: Where; nothing is there yet.
    """

    def __init__(self, path: str) -> None:
        make_tables(path)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;")

    def add(self, table: str, rows: Iterable[Row]) -> int:
        """Write rows of a table, but for those whose keys are taken; return how many were written."""
        columns = {name: columns for name, (_, columns) in {**NUMBERED, **NAMED}.items()}[table]
        marks = ",".join("?" * (columns.count(",") + 1))
        before = self._db.total_changes
        self._db.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", rows)
        return self._db.total_changes - before

    def add_settings(self, settings: Mapping[str, Any]) -> None:
        """Write settings that are not there yet."""
        self.add("settings", ((name, json.dumps(value)) for name, value in settings.items()))

    def settings(self) -> dict[str, Any]:
        """Return every setting that was written."""
        return {name: json.loads(value) for name, value in self._db.execute("SELECT name, value FROM settings")}

    def add_lost_run(self, run: NewRun, attempt: int, message: str, state: int, cause: int | None) -> None:
        """Write a run of which only its directory was left."""
        what = (*run[:3], run.own or None, run.directory or None, run.identity)
        self.add("runs", [(*what, state, cause, attempt, 0, None, message, attempt)])

    def has_run(self, id_: int) -> bool:
        """Tell whether there is a run of this id."""
        return self.count("SELECT count(*) FROM runs WHERE id = ?", id_) > 0

    def count(self, sql: str, *values: Any) -> int:
        """Return the number that a query finds; 0 for none."""
        (number,) = self._db.execute(sql, values).fetchone()
        return int(number or 0)

    def column(self, sql: str) -> Iterator[Any]:
        """Yield the only column of what a query finds."""
        for (value,) in self._db.execute(sql):
            yield value

    def settle(self) -> None:
        """Remove what belongs to runs that are not there, and note the ends of those that have ended."""
        for table in ("attempts", "results", "ends"):
            self._db.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT id FROM runs)")
        self._db.execute(
            "INSERT INTO ends (run) SELECT id FROM runs WHERE state NOT IN (0, 5) AND id NOT IN (SELECT run FROM ends)"
        )

    def close(self) -> None:
        """Close the file; what is not finished is lost."""
        self._db.close()

    def finish(self, epoch: int) -> str:
        """Count the runs, give the lease to nobody, and close the file, which is on disk then.

        Args:
            epoch: Of the lease: no agent must have seen a higher one.

        Returns:
            What SQLite finds wrong with the file: "ok" for nothing.
        """
        self._db.execute("UPDATE counts SET number = (SELECT count(*) FROM runs WHERE runs.state = counts.state)")
        self._db.execute("UPDATE lease SET epoch = ?, holder = NULL WHERE id = 1", (epoch,))
        self._db.execute("COMMIT")
        (verdict,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        self._db.close()
        return str(verdict)
