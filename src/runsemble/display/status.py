"""The status bar: redraws itself on its own clock from the runs' statistics."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

import anyio
import anyio.to_thread

from runsemble.display.table import printable
from runsemble.display.words import Progress, bar_format, end_line, failure_line, progress_line
from runsemble.meanwhile import meanwhile
from runsemble.model import events
from runsemble.model.stats import RunStatistics
from runsemble.sched.forecast import Forecast
from runsemble.sched.pool import PoolUsage

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")

#: Seconds between two drawings of the bar.
REDRAW_S = 0.2
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


#: Says of the displays made in this context whether they are to be out of sight now, as another one shows the same.
IS_SHOWN_ELSEWHERE: ContextVar[Callable[[], bool]] = ContextVar("runsemble_shown_elsewhere", default=lambda: False)


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

    It writes to stderr: a bar on a terminal, else a plain line every 30 seconds. The bar's total is the number of runs
    taken in so far. While a study is at work on the runner, the bar goes on, since there may be more to come. On a
    runner that has no runs it waits for some, and ends when a study or `gather` meanwhile is over and brought none;
    of a runner that has only the three methods of `AbstractRunner` nobody can know that.
    """
    watch = _Watch(runner)
    listen, ignore = getattr(runner, "listen", None), getattr(getattr(runner, "bus", None), "ignore", None)
    if listen is None or ignore is None:
        await show_until(runner.compute_statistics, watch.is_over)
        return
    listen(watch.hear)
    try:
        await show_until(runner.compute_statistics, watch.is_over)
    finally:
        ignore(watch.hear)


class _Watch:
    """Knows of a runner whether there is nothing more to show of it."""

    def __init__(self, runner: HasStatistics) -> None:
        self._runner = runner
        self._has_fed = False  #: a study has come to the end of its parameter sets
        self._has_started = False  #: somebody has used the runner

    def hear(self, event: events.Event) -> None:
        """Take in what happens on the runner."""
        self._has_fed |= isinstance(event, events.FeedEnded)
        self._has_started |= isinstance(event, events.AgentStarted)

    def is_over(self, stats: RunStatistics) -> bool:
        """Tell whether every run has ended, and none is to be expected."""
        if stats.complete_count < stats.total_count or not getattr(self._runner, "is_idle", True):
            return False
        is_left = self._has_started and not getattr(self._runner, "is_running", True)
        return bool(stats.total_count) or self._has_fed or is_left


async def show_until(
    statistics: Callable[[], RunStatistics],
    is_over: Callable[[RunStatistics], bool],
    yet_to_come: Callable[[], int] = lambda: 0,
) -> None:
    """Show a status bar, and keep it up to date until it is over.

    Args:
        statistics: Counts the runs.
        is_over: Tells whether there is nothing more to show.
        yet_to_come: Says how many runs are known to be coming, beyond those that are counted.
    """
    stats = statistics()
    display = StatusDisplay(statistics, yet_to_come=yet_to_come, done_before=stats.ended_count)
    try:
        while not is_over(stats):
            await display.redraw()
            await anyio.sleep(REDRAW_S)
            stats = statistics()
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
        yet_to_come: Says how many runs will be added to those that are counted, instead of a total.
        done_before: Runs that had ended before there was anything to show: the time since then is not theirs.
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
        yet_to_come: Callable[[], int] | None = None,
        done_before: int = 0,
    ) -> None:
        self._statistics = statistics
        self._stream = stream if stream is not None else sys.stderr
        self._total = total
        self._use = use
        self._shows_clock = shows_clock
        self._says_end = says_end
        self._yet_to_come = yet_to_come
        self._done_before = done_before
        self._is_elsewhere = IS_SHOWN_ELSEWHERE.get()
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

    def take_in(self, run: int, age_s: float) -> None:
        """Note that a run has been under way for a while."""
        now = time.monotonic()
        self._started.setdefault(run, now - age_s)
        if not self._first_start or now - age_s < self._first_start:
            self._first_start = now - age_s

    def learn(self, duration_s: float) -> None:
        """Note how long a run took that nobody has seen start."""
        self._forecast.learn(duration_s)

    def fail(self, run: int, message: str, last_words: str | None, path: str | None) -> None:
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
        if self._is_elsewhere():
            self._hide()
            return
        if self._bar is not None:
            self._draw()
            self._try(self._bar.close)
        self._flush_lines()
        stats = self._statistics()
        if self._bar is None and stats.total_count and self._says_end:
            self._print(end_line(stats, None if self._done_before else time.monotonic() - self._began))

    @asynccontextmanager
    async def keep_drawing(self) -> AsyncIterator[None]:
        """Redraw while the block runs."""
        try:
            async with meanwhile(self._redraw_forever()):
                yield
        finally:
            self.close()

    async def _redraw_forever(self) -> None:
        while True:
            await asyncio.sleep(REDRAW_S)
            await self.redraw()

    def _progress(self, now: float) -> Progress:
        stats = self._statistics()
        if self._yet_to_come is not None:
            self._total = stats.total_count + self._yet_to_come()
        if now - self._forecast_at >= FORECAST_S and not self._is_over:
            self._forecast_at = now
            self._left_s = self._predict(stats, now)
        is_over = stats.complete_count == stats.total_count == self._total
        use = None if self._use is None or is_over else self._use()
        elapsed_s = now - self._began
        return Progress(stats, self._total, elapsed_s, self._left_s, use, self._shows_clock, self._done_before)

    def _predict(self, stats: RunStatistics, now: float) -> tuple[float, float] | None:
        if self._total is None:
            return None
        ages = [now - began for began in self._started.values()]
        waiting = max(0, self._total - stats.complete_count - len(self._started))
        return self._forecast.remaining(waiting, ages, max(1, stats.running_count), now - self._first_start)

    def _draw(self) -> None:
        now = time.monotonic()
        self._learned = 0
        if self._is_elsewhere():
            self._hide()
            return
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

    def _hide(self) -> None:
        """Take the bar down; what is said goes above the one that is shown instead."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.leave = False
            self._try(bar.close)
        if self._is_terminal and self._lines:
            self._tqdm = self._tqdm or _import_tqdm(self._is_notebook)  # the other one has loaded it
            self._try(self._tqdm.write, "\n".join(self._lines), self._stream)
            self._lines = []
        self._flush_lines()

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
