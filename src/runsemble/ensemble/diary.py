"""Keeps a file in which a person can read what an execution did."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self, TextIO

import anyio.to_thread

from runsemble.model import events
from runsemble.runners.table import Row, RunTable


class Diary:
    """Writes a line for whatever is worth one: the beginning, failures, warnings, the end.

    Args:
        path: The file, which is appended to.
        table: The runs.
    """

    def __init__(self, path: str, table: RunTable) -> None:
        self._path = path
        self._table = table
        self._file: TextIO

    async def __aenter__(self) -> Self:
        """Begin."""
        self._file = await anyio.to_thread.run_sync(self._open)
        self._write("the execution begins: " + self._counts())
        self._table.bus.listen(self._hear_end, events.RunEnded)
        self._table.bus.listen(self._hear_reason, events.Aborted, events.Paused)
        self._table.bus.listen(self._hear_note, events.Note)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        for listener in (self._hear_end, self._hear_reason, self._hear_note):
            self._table.bus.ignore(listener)
        if error is not None:
            self._write(f"the execution is ended by {error!r}")
        self._write("the execution ends: " + self._counts())
        self._file.close()

    def _open(self) -> TextIO:
        return open(self._path, "a", encoding="utf-8", buffering=1)  # it is closed by `__aexit__`

    def _counts(self) -> str:
        counts = self._table.statistics
        return (
            f"{counts.pending_count} pending, {counts.running_count} running, {counts.success_count} succeeded, "
            f"{counts.failure_count} failed"
        )

    def _hear_note(self, event: Any) -> None:
        self._write(event.text)

    def _hear_reason(self, event: Any) -> None:
        self._write("nothing new is started: " + event.reason)

    def _hear_end(self, event: Any) -> None:
        row = self._table.entry(event.run)
        if event.status == "failure" and isinstance(row, Row):
            self._write(f"run {event.run} failed: {row.message or event.cause}")

    def _write(self, text: str) -> None:
        self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
