"""Tells the status display what happens in a study."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from runsemble.display.status import StatusDisplay
from runsemble.model import events
from runsemble.model.resources import count_of
from runsemble.model.status import FINAL
from runsemble.runners.bus import EventBus
from runsemble.runners.table import RunTable


@asynccontextmanager
async def show_progress(table: RunTable, machinery: EventBus, total: int | None) -> AsyncIterator[None]:
    """Show a bar, failures and troubles while the block runs.

    Args:
        table: The study.
        machinery: Where agents and disks are spoken of.
        total: How many runs there will be, None if unknown.
    """
    display = StatusDisplay(lambda: table.statistics, total)
    hear_runs, hear_troubles = _run_listener(table, display), _trouble_listener(display)
    table.bus.listen(hear_runs, events.RunEnded, events.FeedEnded)
    machinery.listen(hear_troubles, events.Paused, events.Aborted, events.Resumed, events.AgentLost, events.Note)
    try:
        async with display.keep_drawing():
            yield
    finally:
        table.bus.ignore(hear_runs)
        machinery.ignore(hear_troubles)


def _run_listener(table: RunTable, display: StatusDisplay) -> Callable[[events.Event], None]:
    def hear(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            if event.status == "failure" and event.cause not in FINAL:
                run = table[event.run]
                where = run.stderr or run.run_dir
                display.fail(event.run, run.message, run.last_words, where)
        elif isinstance(event, events.FeedEnded):
            display.set_total(event.total)

    return hear


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
