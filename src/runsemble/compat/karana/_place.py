"""Where the runs of one event loop run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runsemble.closing import see_through
from runsemble.runners import local
from runsemble.runners import run as native


class _Slots(local.ParallelLocalRunner):
    """Gives out places; cores are neither counted nor assigned."""

    @property
    def _counts_cores(self) -> bool:
        return False


class Place:
    """A native runner, the event loop it works in, and whoever waits for it there.

    Args:
        max_parallel: Runs at the same time.
    """

    def __init__(self, max_parallel: int) -> None:
        self.runner = _Slots(max_parallel=max_parallel)
        self.held: list[Any] = []  #: grants taken by hand
        self._loop: asyncio.AbstractEventLoop | None = None
        self._host: asyncio.Task[None] | None = None  #: sees the added runs through
        self._gatherers = 0
        self._studies: set[asyncio.Future[None]] = set()

    @property
    def is_free(self) -> bool:
        """Whether any event loop may have it."""
        return self._loop is None or (self._loop.is_closed() and not self.runner.is_running)

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whether it works in this event loop, or may."""
        return self._loop is loop or self.is_free

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let it work in an event loop from now on."""
        if self._loop is not loop:
            self._loop, self._host, self._gatherers = loop, None, 0
            self.held, self._studies = [], set()

    @property
    def has_work(self) -> bool:
        """Whether there is something to wait for, or a failure to hear of."""
        stats = self.runner.runs.statistics
        return stats.complete_count < stats.total_count or bool(self._studies) or self._is_hosting or self._has_failed

    @property
    def _is_hosting(self) -> bool:
        return self._host is not None and not self._host.done()

    @property
    def _has_failed(self) -> bool:
        host = self._host
        return host is not None and host.done() and not host.cancelled() and host.exception() is not None

    def add(self, cmd: list[str], cwd: Path) -> native.Run:
        """Take in a run; it starts at once where the event loop runs."""
        run = self.runner.add(cmd, cwd)
        if self._loop is not None and not self._loop.is_closed():
            self._start()
        return run

    def _start(self) -> None:
        """Let what was added run, unless that is seen to already."""
        if self._loop is not None and not self._is_hosting and self.runner.runs.statistics.pending_count:
            self._host = self._loop.create_task(self.runner.gather())
            self._host.add_done_callback(self._on_hosted)

    def _on_hosted(self, task: asyncio.Task[None]) -> None:
        """Start what was added in the very last moment; a failure is raised by whoever gathers."""
        if not task.cancelled() and task.exception() is None:
            self._start()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let a study be at work here while the block runs."""
        is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._studies.add(is_over)
        try:
            yield
        finally:
            self._studies.discard(is_over)
            is_over.set_result(None)

    async def gather(self) -> None:
        """Wait until all runs have ended, those of studies included.

        When the last one who waits here is cancelled, the added runs are ended.

        Raises:
            AgentError: The agent could not be started, or kept alive.
        """
        self._gatherers += 1
        try:
            await self._wait()
        except asyncio.CancelledError:
            if self._gatherers == 1:
                await see_through(self._end())
            raise
        finally:
            self._gatherers -= 1

    async def _wait(self) -> None:
        while True:
            self._start()
            host = self._host if self._is_hosting else None
            work = [*self._studies, *([] if host is None else [host])]
            if work:
                await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            if self._has_failed and self._host is not None:
                self._host.result()
            if not work:
                return

    async def _end(self) -> None:
        """End the added runs: those that wait, then those that run. Bounded in time."""
        self.runner.cancel(self._is_waiting)
        if self._host is not None and not self._host.done():
            self._host.cancel()
            await asyncio.wait([self._host])
        self._start()  # what was added meanwhile

    def _is_waiting(self, run: native.Run) -> bool:
        return run.table is self.runner.runs and run.job is not None and not run.job.is_submitted
