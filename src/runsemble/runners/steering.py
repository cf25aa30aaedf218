"""What an async program sees and does while its runs are under way: ends, figures, cancelling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from runsemble.errors import RunnerClosed, UsageError
from runsemble.model import events
from runsemble.runners.bus import EventBus
from runsemble.runners.table import Run, RunTable


class Metrics(NamedTuple):
    """Figures that a run has reported with `runsemble.report`."""

    run: Run
    attempt: int
    time: float  #: UTC epoch seconds, by the run's own clock
    step: float | None
    metrics: dict[str, Any]


class Steered(Protocol):
    """A runner, as far as it is steered."""

    @property
    def tables(self) -> Sequence[RunTable]:
        """The runs that were added, then those of each study under way."""

    @property
    def is_hosted(self) -> bool:
        """Whether runs that are added start without a further call."""

    @property
    def is_idle(self) -> bool:
        """Whether no run is under way or is going to be, and no study is at work."""

    @property
    def failure(self) -> Exception | None:
        """Why nothing more will happen, None while something can."""


class Cancellation:
    """Runs that were asked to end; await it to wait until they have."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = list(runs)  #: those that had not ended when they were asked

    def __await__(self) -> Generator[Any, None, list[Run]]:
        """Wait until every one of the runs has ended; return them."""
        for run in self.runs:
            yield from run.__await__()
        return self.runs


class Steering:
    """Watches the runs of a runner for whoever iterates.

    Args:
        runner: Whose runs.
        bus: On which all its runs are spoken of.
    """

    def __init__(self, runner: Steered, bus: EventBus) -> None:
        self._runner = runner
        self._bus = bus
        self._reported: dict[RunTable, set[int]] = {}  #: ids of runs whose end somebody was told
        self._queues: list[deque[Run]] = []  #: ended runs that iterations have yet to yield
        self._in_body = 0  #: iterations whose body is at work on a run
        self._news: set[asyncio.Event] = set()

    def wake(self) -> None:
        """Let every iteration look whether it is over."""
        for event in self._news:
            event.set()

    def forget(self, table: RunTable) -> None:
        """Take in that a study is over."""
        self._reported.pop(table, None)
        self.wake()

    async def completed(self) -> AsyncGenerator[Run, None]:
        """Yield runs as they end; see `PooledRunner.completed`."""
        self._require_running()
        queue: deque[Run] = deque()
        added = self._runner.tables[0]
        with self._listening(events.RunEnded, lambda run, _: queue.append(run)) as news:
            queue.extend(run for run in added if run.is_done)
            self._queues.append(queue)
            try:
                while True:
                    while queue:
                        run = queue.popleft()
                        reported = self._reported.setdefault(run.table, set())
                        if run.id in reported:
                            continue
                        reported.add(run.id)
                        self._in_body += 1
                        try:
                            yield run
                        finally:
                            self._in_body -= 1
                            self.wake()
                    if not await self._wait(news, lambda: bool(queue), lambda: self._runner.is_idle):
                        return
            finally:
                self._queues.remove(queue)
                self.wake()

    async def metrics(self) -> AsyncGenerator[Metrics, None]:
        """Yield figures as runs report them; see `PooledRunner.metrics`."""
        self._require_running()
        queue: deque[Metrics] = deque()

        def put(run: Run, event: Any) -> None:
            queue.append(Metrics(run, event.attempt, event.time, event.step, event.metrics))

        with self._listening(events.MetricReported, put) as news:
            while True:
                while queue:
                    yield queue.popleft()
                if not await self._wait(news, lambda: bool(queue), lambda: self._is_over):
                    return

    def _require_running(self) -> None:
        if not self._runner.is_hosted and self._runner.tables[0].statistics.pending_count:
            raise RunnerClosed("the runner is not running: use `async with runner:` around this")

    @property
    def _is_over(self) -> bool:
        """Whether nothing is under way, and nobody is at work on ended runs who might add more."""
        return self._runner.is_idle and not self._in_body and not any(self._queues)

    async def _wait(self, news: asyncio.Event, has_more: Callable[[], bool], is_over: Callable[[], bool]) -> bool:
        """Wait for more; False when there will be no more.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        while not has_more():
            if self._runner.failure is not None:
                raise self._runner.failure
            if is_over():
                return False
            news.clear()
            await news.wait()
        return True

    @contextmanager
    def _listening(self, kind: type[events.Event], put: Callable[[Run, Any], None]) -> Generator[asyncio.Event]:
        """Hand over every event of a kind together with its run, and set an event for it."""
        news = asyncio.Event()
        listeners: dict[RunTable, Callable[[events.Event], None]] = {}

        def listen_to(table: RunTable) -> None:
            def hear(event: Any) -> None:
                put(table[event.run], event)
                news.set()

            listeners[table] = hear
            table.bus.listen(hear, kind)

        def hear_anything(event: events.Event) -> None:
            for table in self._runner.tables:
                if table not in listeners:
                    listen_to(table)

        for table in self._runner.tables:
            listen_to(table)
        self._bus.listen(hear_anything, events.RunAdded)
        self._news.add(news)
        try:
            yield news
        finally:
            self._news.discard(news)
            self._bus.ignore(hear_anything)
            for table, hear in listeners.items():
                table.bus.ignore(hear)


def select(tables: Collection[RunTable], which: Run | Callable[[Run], bool]) -> list[Run]:
    """Return the runs that are meant and have not ended: one, or all that fulfil a condition.

    Raises:
        UsageError: The one is in none of the tables.
    """
    if isinstance(which, Run):
        if which.is_done:
            return []
        if which.table not in tables:
            raise UsageError(f"run {which.id} is none of this runner's, so it cannot be cancelled here")
        return [which]
    return [run for table in tables for job in table.jobs if which(run := table[job.id])]
