"""Tells the status display what happens in a study."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio.to_thread

from runsemble.display.hints import Cluster, find_clusters
from runsemble.display.status import StatusDisplay
from runsemble.display.table import printable
from runsemble.model import events
from runsemble.model.resources import count_of
from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.run import Run
from runsemble.runners.table import RunTable
from runsemble.sched.pool import PoolUsage

_log = logging.getLogger("runsemble")

#: Attempts that ended so say nothing about how long runs take.
_ENDED_EARLY = FINAL - {Cause.OK} | INFRASTRUCTURE | {Cause.LAUNCH_ERROR, Cause.STAGING, Cause.DISK_FULL}


#: Failures after which it is first looked at what they have in common; then each time there are twice as many.
FIRST_LOOK = 5
#: Runs that are looked at for that.
LOOKED_AT = 1000
#: How long the end of a study waits for it, in seconds.
LAST_LOOK_S = 2.0


class Showing(NamedTuple):
    """What is shown of a study while it is under way."""

    shows_bar: bool  #: or lines, where there is no terminal
    shows_clock: bool = False  #: at what time it will be over
    says_end: bool = True  #: where there is no bar, how it went


@asynccontextmanager
async def show_progress(
    table: RunTable, machinery: EventBus, total: int | None, use: Callable[[], PoolUsage], showing: Showing
) -> AsyncIterator[None]:
    """Show a bar, failures and troubles while the block runs.

    Args:
        table: The study.
        machinery: Where agents and disks are spoken of.
        total: How many runs there will be, None if unknown.
        use: Says how many cores and GPUs are in use.
        showing: What is shown of it.
    """
    display = StatusDisplay(
        lambda: table.statistics,
        total,
        use=use,
        shows_clock=showing.shows_clock,
        says_end=showing.says_end,
        done_before=table.statistics.ended_count,
    )
    listener = _RunListener(table, display)
    hear_troubles = _trouble_listener(display)
    table.bus.listen(listener.hear_start, events.RunStarted)
    table.bus.listen(listener.hear_end, events.AttemptEnded)
    table.bus.listen(listener.hear_failure, events.RunEnded)
    table.bus.listen(listener.hear_total, events.FeedEnded)
    machinery.listen(hear_troubles, events.Paused, events.Aborted, events.Resumed, events.AgentLost, events.Note)
    try:
        async with display.keep_drawing():
            yield
            await listener.see_what_clusters()
    finally:
        for hear in (listener.hear_start, listener.hear_end, listener.hear_failure, listener.hear_total):
            table.bus.ignore(hear)
        machinery.ignore(hear_troubles)
        await listener.stop()


class _RunListener:
    """Tells the display of one study's runs."""

    def __init__(self, table: RunTable, display: StatusDisplay) -> None:
        self._table = table
        self._display = display
        self._failures = 0
        self._next_look = FIRST_LOOK
        self._is_look_due = False
        self._looking: asyncio.Task[None] | None = None
        self._said: set[str] = set()

    # What hears of every run looks no closer than it must. Source: `benchmarks/bar.py`.

    def hear_start(self, event: events.Event) -> None:
        self._display.start(event.run)  # type: ignore[union-attr]

    def hear_end(self, event: events.Event) -> None:
        cause: Cause = event.cause  # type: ignore[union-attr]
        is_telling = cause is Cause.OK or cause not in _ENDED_EARLY
        self._display.end(event.run, is_telling=is_telling)  # type: ignore[union-attr]

    def hear_failure(self, event: events.Event) -> None:
        if event.status == "failure" and isinstance(event, events.RunEnded) and event.cause not in FINAL:  # type: ignore[union-attr]
            run = self._table[event.run]
            self._display.fail(event.run, run.message, run.last_words, run.trail)
            self._failures += 1
            if self._failures == self._next_look:
                self._next_look *= 2
                self._is_look_due = True
                if self._looking is None or self._looking.done():
                    self._looking = asyncio.get_running_loop().create_task(self._look_for_clusters())

    def hear_total(self, event: events.Event) -> None:
        if isinstance(event, events.FeedEnded):
            self._display.set_total(event.total)

    async def see_what_clusters(self) -> None:
        """Wait until what failures have in common has been said, or for as long as anybody would."""
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=LAST_LOOK_S)

    async def stop(self) -> None:
        """Look for nothing any more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look_for_clusters(self) -> None:
        """Say at which values of parameters failures cluster, unless that has been said.

        In a thread: of 1000 runs with 50 parameters it takes 0.2 s.
        """
        while self._is_look_due:
            self._is_look_due = False
            look = anyio.to_thread.run_sync(_clusters_of, self._some_ended(), abandon_on_cancel=True)
            for cluster in await look:
                if cluster.parameter not in self._said:
                    self._said.add(cluster.parameter)
                    self._display.say(f"failures cluster: {printable(str(cluster))}")

    def _some_ended(self) -> list[tuple[Run, bool]]:
        """Return runs that ended, and whether they failed; those that were skipped say nothing about failures."""
        count = len(self._table)
        chosen = range(count) if count <= LOOKED_AT else random.Random(0).sample(range(count), LOOKED_AT)
        runs = [self._table[at] for at in chosen if self._table.is_kept(at)]
        return [(run, run.status == "failure") for run in runs if run.status in ("success", "failure")]


def _clusters_of(runs: Sequence[tuple[Run, bool]]) -> list[Cluster]:
    try:
        return find_clusters([(run.params, is_failed) for run, is_failed in runs])
    except Exception:  # somebody's own class, or a mistake of ours: no reason to end a study
        _log.exception("it cannot be said where failures cluster")
        return []


def _trouble_listener(display: StatusDisplay) -> Callable[[events.Event], None]:
    def hear(event: events.Event) -> None:
        if isinstance(event, (events.Paused, events.Aborted)):
            display.say(f"nothing new is started: {event.reason}")
        elif isinstance(event, events.Resumed):
            display.say("runs are started again")
        elif isinstance(event, events.AgentLost):
            display.say(f"the agent on {event.node} died; {count_of(event.runs, 'run')} will be started again")
        elif isinstance(event, events.Note):
            display.say(event.text)

    return hear
