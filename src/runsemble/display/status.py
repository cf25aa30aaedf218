"""The status bar: redraws itself on its own clock from the runs' statistics."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

import anyio
import anyio.to_thread

from runsemble.display.table import printable
from runsemble.display.words import Progress, bar_format, duration_words, failure_line, progress_line
from runsemble.model.stats import RunStatistics
from runsemble.sched.forecast import Forecast
from runsemble.sched.pool import PoolUsage

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

#: Seconds between two drawings of the bar.
REDRAW_S = 0.1
#: Seconds between two forecasts of the remaining time.
FORECAST_S = 1.0
#: Durations that are learned from between two drawings: where there are more, they are short, and alike.
LEARNED = 50
#: Seconds between two lines where there is no terminal.
LINE_S = 30.0
#: Failures that get a line of their own; the others are counted.
MAX_FAILURE_LINES = 10
#: Columns of a bar where nobody knows how wide the screen is.
_COLUMNS = 80
#: As many columns' worth is shown in a notebook.
_IN_NOTEBOOK = 100


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
        use: Says how much is in use.
        shows_clock: Whether to say at what time it will be over.
        says_end: Whether to say, where there is no bar, at the end how it went.
    """

    def __init__(
        self,
        statistics: Callable[[], RunStatistics],
        total: int | None = None,
        stream: TextIO | None = None,
        *,
        use: Callable[[], PoolUsage] | None = None,
        shows_clock: bool = False,
        says_end: bool = True,
    ) -> None:
        self._statistics = statistics
        self._stream = stream if stream is not None else sys.stderr
        self._total = total
        self._use = use
        self._shows_clock = shows_clock
        self._says_end = says_end
        self._is_notebook = type(self._stream).__module__.startswith("ipykernel")
        self._is_terminal = _is_terminal(self._stream) or self._is_notebook
        self._began = time.monotonic()
        self._last_line = self._began
        self._tqdm: type[tqdm[Any]] | None = None
        self._bar: tqdm[Any] | None = None
        self._is_over = False
        self._failures = 0
        self._lines: list[str] = []
        self._forecast = Forecast()
        self._started: dict[int, float] = {}  #: when each run began that is under way, monotonic
        self._first_start = 0.0
        self._left_s: tuple[float, float] | None = None
        self._forecast_at = self._began
        self._learned = 0  #: durations since the last drawing

    # Telling it

    def set_total(self, total: int) -> None:
        """Say how many runs there are, once that is known."""
        self._total = total

    def start(self, run: int) -> None:
        """Note that a run has started."""
        now = time.monotonic()
        self._started[run] = now
        if not self._first_start:
            self._first_start = now

    def end(self, run: int, *, is_telling: bool = True) -> None:
        """Note that an attempt of a run has ended; how long it took tells something, unless it was ended early."""
        began = self._started.pop(run, None)
        if began is not None and is_telling and self._learned < LEARNED:
            self._learned += 1
            self._forecast.learn(time.monotonic() - began)

    def fail(self, run: int, message: str, last_words: str | None, path: str) -> None:
        """Show a failure; after the first few only their number."""
        self._failures += 1
        if self._failures <= MAX_FAILURE_LINES:
            self.say(failure_line(run, message, last_words, path))
        elif self._failures == MAX_FAILURE_LINES + 1:
            self.say("further failures are counted, not listed; the result has them all")

    def say(self, line: str) -> None:
        """Show a line above the bar, with the next redraw; what a terminal would obey is replaced."""
        self._lines.append(printable(line))

    # Showing it

    async def redraw(self) -> None:
        """Bring the screen up to date."""
        if self._is_terminal and self._bar is None:
            self._tqdm = await anyio.to_thread.run_sync(_import_tqdm, self._is_notebook)
        self._draw()

    def close(self) -> None:
        """Show the final state, and leave it standing."""
        self._is_over = True
        self._left_s = None
        if self._bar is not None:
            self._draw()
            self._try(self._bar.close)
        self._flush_lines()
        stats = self._statistics()
        if self._bar is None and stats.total_count and self._says_end:
            elapsed_s = time.monotonic() - self._began
            self._print(
                f"{stats.ended_count}/{stats.total_count} runs in {duration_words(elapsed_s)}: "
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

    def _progress(self, now: float) -> Progress:
        stats = self._statistics()
        if now - self._forecast_at >= FORECAST_S and not self._is_over:
            self._forecast_at = now
            self._left_s = self._predict(stats, now)
        is_over = stats.complete_count == stats.total_count == self._total
        use = None if self._use is None or is_over else self._use()
        return Progress(stats, self._total, now - self._began, self._left_s, use, self._shows_clock)

    def _predict(self, stats: RunStatistics, now: float) -> tuple[float, float] | None:
        if self._total is None:
            return None
        ages = [now - began for began in self._started.values()]
        waiting = max(0, self._total - stats.complete_count - len(self._started))
        return self._forecast.remaining(waiting, ages, max(1, stats.running_count), now - self._first_start)

    def _draw(self) -> None:
        now = time.monotonic()
        self._learned = 0
        if not self._is_terminal:
            self._flush_lines()
            if now - self._last_line >= LINE_S:
                self._last_line = now
                self._print(progress_line(self._progress(now)))
            return
        progress = self._progress(now)
        columns = _IN_NOTEBOOK if self._is_notebook else _columns(self._stream)
        layout = bar_format(progress, columns)
        if self._bar is None:
            if not progress.stats.total_count:
                return
            self._bar = self._try(self._new_bar, layout, columns)
        self._flush_lines()
        bar = self._bar
        if bar is None:
            return
        if not self._is_notebook:
            bar.ncols = columns
        bar.total = self._total
        bar.n = progress.stats.ended_count
        bar.bar_format = layout
        self._try(bar.refresh)

    def _new_bar(self, layout: str, columns: int) -> tqdm[Any]:
        if self._tqdm is None:
            self._tqdm = _import_tqdm(self._is_notebook)
        width = None if self._is_notebook else columns
        bar: tqdm[Any] = self._tqdm(total=self._total, file=self._stream, ncols=width, bar_format=layout, disable=False)
        return bar

    def _flush_lines(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            if self._bar is not None:
                self._try(self._bar.write, line, self._stream)
            else:
                self._print(line)

    def _print(self, line: str) -> None:
        self._try(self._stream.write, line + "\n")
        self._try(self._stream.flush)

    def _try(self, show: Callable[..., T], *arguments: Any) -> T | None:
        """Show something; if nobody is there to see it any more, the study goes on."""
        try:
            return show(*arguments)
        except (OSError, ValueError):
            return None


def _import_tqdm(is_notebook: bool) -> type[tqdm[Any]]:
    """Return the bar that suits: a widget in notebooks that can show one, else text."""
    has_widgets = not is_notebook or find_spec("ipywidgets") is not None
    bar: type[tqdm[Any]] = import_module("tqdm.auto" if has_widgets else "tqdm").tqdm
    return type("Bar", (bar,), {"monitor_interval": 0})  # no thread that watches it: it has a clock of its own


def _columns(stream: TextIO) -> int:
    """Return the width of the terminal, or 80 where it does not know its own."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError, AttributeError):
        return _COLUMNS


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
