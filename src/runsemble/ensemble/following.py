"""Reads what a run writes while it writes it, from attempt to attempt, until it has ended."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

import anyio
import anyio.to_thread

from runsemble.ensemble.logs import Log, Stream, current_attempt, last_bytes, last_of, log_bytes, logs_of
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.status import StoredStatus

#: Seconds between two looks.
LOOK_S = 0.1
#: The statuses in which a run may still write.
OPEN: tuple[StoredStatus, ...] = ("pending", "running")


class Piece(NamedTuple):
    """Something that a run wrote."""

    attempt: int
    name: str  #: stdout, stderr or output
    data: bytes


def read_output(run: EnsembleRun, stream: Stream, attempt: int | None, lines: int | None) -> list[Piece]:
    """Return what a run has written so far.

    Args:
        run: Which.
        stream: Which output.
        attempt: Which attempt, None for the latest.
        lines: The last so many lines of each output; None: all.

    Raises:
        UsageError: There was no such attempt, or output is not kept.
    """
    number = attempt or current_attempt(run.run_dir)
    if run.output == "tail":
        return [Piece(run.attempts, "output", _kept(run, lines))]
    return [Piece(number, log.name, log_bytes(run, log, number, lines)) for log in logs_of(run, stream, attempt)]


def _kept(run: EnsembleRun, lines: int | None) -> bytes:
    tail = (run.last_attempt.tail if run.last_attempt is not None else None) or ""
    data = tail.encode("utf-8", "surrogateescape")
    return data if lines is None else last_of(data, lines)


async def follow(
    look: Callable[[], Awaitable[EnsembleRun]], stream: Stream = "both", lines: int | None = None
) -> AsyncGenerator[Piece, None]:
    """Yield what a run has written, and then what it writes, until it has ended for good.

    Args:
        look: Returns the run as it stands now.
        stream: Which output.
        lines: Begin with the last so many lines of each output; None: with the first one.

    Raises:
        UsageError: Its output is not kept.
    """
    following = _Following(lines)
    try:
        while True:
            run = await look()
            if run.status not in OPEN and not following.has_begun:
                pieces = await anyio.to_thread.run_sync(read_output, run, stream, None, lines)
            elif run.output == "tail":
                pieces = []
            elif run.is_pruned:
                pieces = following.read_rest()
            else:
                pieces = await anyio.to_thread.run_sync(following.read, run, stream)
            for piece in pieces:
                if piece.data:
                    yield piece
            if run.status not in OPEN:
                return
            await anyio.sleep(LOOK_S)
    finally:
        following.close()


@dataclass(slots=True)
class _Open:
    fd: int
    attempt: int
    position: int


class _Following:
    """The files that are open."""

    def __init__(self, lines: int | None) -> None:
        self._lines = lines
        self._files: dict[str, _Open] = {}
        self._is_first = True

    def read(self, run: EnsembleRun, stream: Stream) -> list[Piece]:
        """Return what is new in the files of a run; a file that was moved aside is read to its end first."""
        attempt, pieces = current_attempt(run.run_dir), []
        for log in logs_of(run, stream):
            file = self._files.get(log.name)
            if file is not None and _is_moved(file.fd, log.path):
                pieces.append(_rest(file, log.name))
                os.close(self._files.pop(log.name).fd)
                file = None
            if file is None:
                file = self._open(log, attempt)
            if file is not None:
                pieces.append(_rest(file, log.name))
        self._is_first = False
        return pieces

    @property
    def has_begun(self) -> bool:
        """Whether there was a file to read."""
        return bool(self._files)

    def read_rest(self) -> list[Piece]:
        """Return what is new in the files that are open; they may have been removed."""
        return [_rest(file, name) for name, file in self._files.items()]

    def _open(self, log: Log, attempt: int) -> _Open | None:
        try:
            fd = os.open(log.path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        position = 0
        if self._is_first and self._lines is not None:
            size = os.fstat(fd).st_size
            position = size - len(last_bytes(log.path, self._lines)[:size])
        file = self._files[log.name] = _Open(fd, attempt, position)
        return file

    def close(self) -> None:
        """Close them all."""
        for file in self._files.values():
            os.close(file.fd)
        self._files.clear()


def _is_moved(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except OSError:
        return True
    mine = os.fstat(fd)
    return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)


def _rest(file: _Open, name: str) -> Piece:
    size = os.fstat(file.fd).st_size
    if size < file.position:  # whoever writes it has begun anew
        file.position = 0
    data = os.pread(file.fd, size - file.position, file.position)
    file.position += len(data)
    return Piece(file.attempt, name, data)
