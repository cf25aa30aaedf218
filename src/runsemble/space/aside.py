"""Reads parameter files in a thread of their own, so that a slow disk or pipe never holds up the event loop."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from runsemble.space.files import ParameterFile

#: Parameter sets that are read ahead at most.
AHEAD = 1024
#: Parameter sets that are handed over at a time.
BATCH = 256


class Readable(Protocol):
    """Parameter sets that are read from somewhere."""

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield them."""


class Aside:
    """Parameter sets from an iterable that may block, as an async iterable.

    Args:
        source: Is iterated in a daemon thread: one that waits for a pipe for ever keeps nobody from leaving.
        file: From which it reads; what was read of a pipe is handed over before more is waited for.
    """

    def __init__(self, source: Readable, file: ParameterFile) -> None:
        self._source = source
        self._file = file

    def __length_hint__(self) -> int:
        """Return how many there are, if the source knows."""
        return operator.length_hint(self._source, -1) if operator.length_hint(self._source, -1) >= 0 else NotImplemented

    async def __aiter__(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the parameter sets; what the source raises is raised here."""
        handover = _Handover(asyncio.get_running_loop(), self._file)
        thread = threading.Thread(target=handover.read, args=(self._source,), name="parameters", daemon=True)
        thread.start()
        try:
            while batch := await handover.take():
                for params in batch:
                    yield params
        finally:
            handover.stop()


class _Handover:
    """What the thread has read and the loop has not taken yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: ParameterFile) -> None:
        self._loop = loop
        self._file = file
        self._ready: deque[list[Mapping[str, Any]]] = deque()
        self._room = threading.Semaphore(AHEAD // BATCH)
        self._news = asyncio.Event()
        self._error: BaseException | None = None
        self._is_over = False
        self._is_unwanted = False
        self._batch: list[Mapping[str, Any]] = []

    # In the loop

    async def take(self) -> list[Mapping[str, Any]]:
        """Return some parameter sets; none when there are no more."""
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._is_over:
                return []
            self._news.clear()
            await self._news.wait()
        self._room.release()
        return self._ready.popleft()

    def stop(self) -> None:
        """Let the thread end when it next can."""
        self._is_unwanted = True
        self._room.release()

    def _receive(self, batch: list[Mapping[str, Any]]) -> None:
        self._ready.append(batch)
        self._news.set()

    def _end(self, error: BaseException | None) -> None:
        self._error, self._is_over = error, True
        self._news.set()

    # In the thread

    def read(self, source: Any) -> None:
        """Read everything; hand it over in batches."""
        error: BaseException | None = None
        self._file.source.before_wait = self._flush
        self._file.source.is_wanted = lambda: not self._is_unwanted
        try:
            for params in source:
                self._batch.append(params)
                if len(self._batch) >= BATCH:
                    self._flush()
                if self._is_unwanted:
                    return
            self._flush()
        except BaseException as caught:
            error = caught
            self._flush()
        self._call(self._end, error)

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            self._room.acquire()
            self._call(self._receive, batch)

    def _call(self, function: Any, argument: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, argument)
        except RuntimeError:
            self._is_unwanted = True  # the loop is closed: nobody will take anything more
