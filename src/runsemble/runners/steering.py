"""What an async program sees and does while its runs are under way: ends, figures, cancelling."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Protocol

from runsemble.errors import RunnerClosed, UsageError
from runsemble.model import events
from runsemble.runners.bus import EventBus
from runsemble.runners.run import Run
from runsemble.runners.table import RunTable


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
        self._ended: deque[Run] = deque()  #: runs that ended while somebody iterated, to be yielded to one of them
        self._collecting = ExitStack()  #: what puts them there
        self._loops = 0  #: iterations over them
        self._in_body = 0  #: those whose body is at work on a run
        self._yielded: set[int] = set()  #: ids of added runs
        self._all_yielded = 0  #: every added run with a lower id was
        self._news: set[asyncio.Event] = set()
        self._heard: list[dict[RunTable, Callable[[Any], None]]] = []  #: for each who listens, the studies

    def wake(self) -> None:
        """Let every iteration look whether there is more, or it is over."""
        for event in self._news:
            event.set()

    def forget(self, table: RunTable) -> None:
        """Take in that a study is over."""
        for listeners in self._heard:
            hear = listeners.pop(table, None)
            if hear is not None:
                table.bus.ignore(hear)
        self.wake()

    async def completed(self) -> AsyncGenerator[Run, None]:
        """Yield runs as they end; see `PooledRunner.completed`."""
        self._require_running()
        with self._iterating():
            while await self._wait(lambda: bool(self._ended), lambda: self._runner.is_idle):
                run = self._ended.popleft()
                if self._is_yielded(run):
                    continue
                self._in_body += 1
                try:
                    yield run
                finally:
                    self._in_body -= 1
                    self.wake()

    @contextmanager
    def _iterating(self) -> Generator[None]:
        """Let ended runs be collected as long as somebody iterates."""
        if not self._loops:
            self._ended.extend(self._ended_before())
            self._collecting.enter_context(self._listening(events.RunEnded, self._put))
        self._loops += 1
        try:
            yield
        finally:
            self._loops -= 1
            if not self._loops:
                self._collecting.close()
                self._ended.clear()
            self.wake()

    def _put(self, run: Run, _: events.Event) -> None:
        self._ended.append(run)

    def _ended_before(self) -> Iterable[Run]:
        """Return the added runs that have ended, and that nobody was told of."""
        added = self._runner.tables[0]
        while self._all_yielded in self._yielded:
            self._yielded.remove(self._all_yielded)
            self._all_yielded += 1
        return (run for at in range(self._all_yielded, len(added)) if (run := added[at]).is_done)

    def _is_yielded(self, run: Run) -> bool:
        """Tell whether an added run was yielded before; from now on it was."""
        if run.table is not self._runner.tables[0]:
            return False
        was_yielded = run.id < self._all_yielded or run.id in self._yielded
        self._yielded.add(run.id)
        return was_yielded

    async def metrics(self) -> AsyncGenerator[Metrics, None]:
        """Yield figures as runs report them; see `PooledRunner.metrics`."""
        self._require_running()
        queue: deque[Metrics] = deque()

        def put(run: Run, event: Any) -> None:
            queue.append(Metrics(run, event.attempt, event.time, event.step, event.metrics))

        with self._listening(events.MetricReported, put):
            while await self._wait(lambda: bool(queue), lambda: self._is_over):
                yield queue.popleft()

    def _require_running(self) -> None:
        if not self._runner.is_hosted and self._runner.tables[0].statistics.pending_count:
            raise RunnerClosed("the runner is not running: use `async with runner:` around this")

    @property
    def _is_over(self) -> bool:
        """Whether nothing is under way, and nobody is at work on ended runs who might add more."""
        return self._runner.is_idle and not self._in_body and not self._ended

    async def _wait(self, has_more: Callable[[], bool], is_over: Callable[[], bool]) -> bool:
        """Wait for more; False when there will be no more.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        while not has_more():
            if self._runner.failure is not None:
                raise self._runner.failure
            if is_over():
                return False
            news = asyncio.Event()
            self._news.add(news)
            try:
                await news.wait()
            finally:
                self._news.discard(news)
        return True

    @contextmanager
    def _listening(self, kind: type[events.Event], put: Callable[[Run, Any], None]) -> Generator[None]:
        """Hand over every event of a kind together with its run."""
        listeners: dict[RunTable, Callable[[Any], None]] = {}

        def listen_to(table: RunTable) -> None:
            def hear(event: Any) -> None:
                put(table[event.run], event)
                self.wake()

            listeners[table] = hear
            table.bus.listen(hear, kind)

        def hear_anything(event: events.Event) -> None:
            for table in self._runner.tables:
                if table not in listeners:
                    listen_to(table)

        for table in self._runner.tables:
            listen_to(table)
        self._heard.append(listeners)
        self._bus.listen(hear_anything, events.RunAdded)
        try:
            yield
        finally:
            self._bus.ignore(hear_anything)
            self._heard = [others for others in self._heard if others is not listeners]
            for table, hear in listeners.items():
                table.bus.ignore(hear)


def select(tables: Collection[RunTable], which: Run | Iterable[Run] | Callable[[Run], bool]) -> list[Run]:
    """Return the runs that are meant and have not ended: one, several, or all that fulfil a condition.

    Raises:
        UsageError: It is no run, or in none of the tables.
    """
    if callable(which):
        return [run for table in tables for job in table.jobs if which(run := table[job.id])]
    meant = [which] if isinstance(which, Run) or not isinstance(which, Iterable) else list(which)
    for run in meant:
        if not isinstance(run, Run):
            raise UsageError(
                f"what to cancel must be a run, runs, or a function that says whether one is meant: {run!r}"
            )
        if not run.is_done and run.table not in tables:
            raise UsageError(f"run {run.id} is none of this runner's, so it cannot be cancelled here")
    return [run for run in meant if not run.is_done]
