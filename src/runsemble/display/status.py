"""The status bar: redraws itself on its own clock from the runs' statistics."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import anyio
import anyio.to_thread

from runsemble.display.words import counts_words, duration_words, failure_line, progress_line
from runsemble.model.stats import RunStatistics

if TYPE_CHECKING:
    from tqdm import tqdm

#: Seconds between two drawings of the bar.
REDRAW_S = 0.1
#: Seconds between two lines where there is no terminal.
LINE_S = 30.0
#: Failures that get a line of their own; the others are counted.
MAX_FAILURE_LINES = 10

_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_BAR_WITHOUT_TOTAL = "{n_fmt} runs [{elapsed}, {rate_fmt}{postfix}]"


class HasStatistics(Protocol):
    """Anything that counts its runs; every runner does."""

    def compute_statistics(self) -> RunStatistics:
        """Count the runs by status."""


async def display_status(runner: HasStatistics) -> None:
    """Show a status bar for a runner, and keep it up to date until all its runs have ended.

    Run it as a task beside the runner's work; cancelling it takes the bar down::

        async with anyio.create_task_group() as group:
            group.start_soon(display_status, runner)
            await runner.gather()

    It writes to stderr: a bar on a terminal, else a plain line every 30 seconds.
    """
    display = StatusDisplay(runner.compute_statistics)
    try:
        while not (stats := runner.compute_statistics()).total_count or stats.complete_count < stats.total_count:
            await display.redraw()
            await anyio.sleep(REDRAW_S)
    finally:
        display.close()


class StatusDisplay:
    """One bar, or its plain lines.

    Args:
        statistics: Counts the runs.
        total: How many runs there will be, None if unknown.
        stream: Where to write; stderr when None.
    """

    def __init__(
        self, statistics: Callable[[], RunStatistics], total: int | None = None, stream: TextIO | None = None
    ) -> None:
        self._statistics = statistics
        self._stream = stream if stream is not None else sys.stderr
        self._total = total
        self._is_terminal = _is_terminal(self._stream)
        self._began = time.monotonic()
        self._last_line = self._began
        self._bar: tqdm[Any] | None = None
        self._failures = 0
        self._lines: list[str] = []

    def set_total(self, total: int) -> None:
        """Say how many runs there are, once that is known."""
        self._total = total

    def fail(self, run: int, message: str, last_words: str | None, path: str) -> None:
        """Show a failure; after the first few only their number."""
        self._failures += 1
        if self._failures <= MAX_FAILURE_LINES:
            self.say(failure_line(run, message, last_words, path))
        elif self._failures == MAX_FAILURE_LINES + 1:
            self.say("further failures are counted, not listed; the result has them all")

    def say(self, line: str) -> None:
        """Show a line above the bar, with the next redraw."""
        self._lines.append(line)

    async def redraw(self) -> None:
        """Bring the screen up to date."""
        if self._is_terminal and self._bar is None:
            await anyio.to_thread.run_sync(import_module, "tqdm.auto")
        self._draw()

    def close(self) -> None:
        """Show the final state, and leave it standing."""
        if self._bar is not None:
            self._draw()
            self._bar.close()
        self._flush_lines()
        stats = self._statistics()
        if self._bar is None and stats.total_count:
            elapsed_s = time.monotonic() - self._began
            self._print(
                f"{stats.complete_count}/{stats.total_count} runs in {duration_words(elapsed_s)}: "
                f"{stats.success_count} succeeded, {stats.failure_count} failed, {stats.skipped_count} skipped"
            )

    @asynccontextmanager
    async def keep_drawing(self) -> AsyncIterator[None]:
        """Redraw while the block runs."""
        task = asyncio.get_running_loop().create_task(self._redraw_forever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            self.close()

    async def _redraw_forever(self) -> None:
        while True:
            await asyncio.sleep(REDRAW_S)
            await self.redraw()

    def _draw(self) -> None:
        stats = self._statistics()
        if not self._is_terminal:
            self._flush_lines()
            now = time.monotonic()
            if now - self._last_line >= LINE_S:
                self._last_line = now
                self._print(progress_line(stats, self._total, now - self._began))
            return
        if self._bar is None:
            if not stats.total_count:
                return
            self._bar = self._new_bar()
        self._flush_lines()
        bar = self._bar
        if bar.total != self._total and self._total is not None:
            bar.total = self._total
            bar.bar_format = _BAR
        bar.n = stats.ended_count
        bar.set_postfix_str(counts_words(stats), refresh=False)
        bar.refresh()

    def _new_bar(self) -> tqdm[Any]:
        from tqdm.auto import tqdm

        bar = tqdm(
            total=self._total,
            unit=" runs",
            file=self._stream,
            **_width(self._stream),
            bar_format=_BAR if self._total is not None else _BAR_WITHOUT_TOTAL,
        )
        bar.start_t -= time.monotonic() - self._began
        return bar

    def _flush_lines(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            if self._bar is not None:
                self._bar.write(line, file=self._stream)
            else:
                self._print(line)

    def _print(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            pass  # nobody is listening any more; the study goes on


def _width(stream: TextIO) -> dict[str, Any]:
    """Return the bar's width: that of the terminal, or 80 columns where it does not know its own."""
    try:
        is_known = os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError, AttributeError):
        is_known = True
    return {"dynamic_ncols": True} if is_known else {"ncols": 80}


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() or type(stream).__module__.startswith("ipykernel")
    except (AttributeError, ValueError):
        return False
