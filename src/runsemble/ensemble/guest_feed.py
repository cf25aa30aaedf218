"""Feeds runs into a guest's engine that the driver of the study has given it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from runsemble.ensemble.book import Binder
from runsemble.ensemble.feed import Feed
from runsemble.ensemble.submission import Submission
from runsemble.runners.engine import Engine
from runsemble.runners.table import RunTable
from runsemble.sched.feed import to_claim
from runsemble.store.reader import Reader
from runsemble.store.records import StoredRun


class GuestFeed(Feed):
    """Takes runs that were claimed while they are being executed; see `Feed`.

    Args:
        reader: Reads the store.
        binder: Makes jobs of stored runs.
        table: Where its runs are counted.
        engine: Where they go.
        forgive: Called with every run that is taken: whatever became of it before, it is to be executed.
    """

    are_counted = False

    def __init__(
        self, reader: Reader, binder: Binder, table: RunTable, engine: Engine, forgive: Callable[[int], None]
    ) -> None:
        self.unfit: list[int] = []  #: runs that can never start here, to be given back
        super().__init__(reader, Submission(binder, table, engine, self.unfit.append), table, engine, ())
        self._claimed: deque[int] = deque()
        self._forgive = forgive
        self._taken_count = 0
        self._ended_before = 0  #: runs that had ended when more were asked for
        self._may_come = True  #: the driver may have more

    @property
    def has_more(self) -> bool:
        """Whether there are runs that were not taken yet."""
        return not self.is_stopped and bool(self._claimed)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is going to come."""
        return self.is_stopped or not (self._claimed or self._may_come)

    @property
    def is_idle(self) -> bool:
        """Whether the driver had nothing the last time."""
        return not self._may_come

    def wanted(self) -> int:
        """Return how many further runs to ask for."""
        if self.is_stopped or self._engine.failure is not None:
            return 0
        waiting = len(self._claimed) + self._engine.waiting_count
        return to_claim(self._engine.slots, self._ended_count - self._ended_before, waiting)

    @property
    def _ended_count(self) -> int:
        return self._taken_count - self._table.active_count

    def take_in(self, runs: Sequence[int], *, may_come: bool) -> None:
        """Take in what the driver has given.

        Args:
            runs: Ids of runs.
            may_come: Whether it may have more, later.
        """
        self._ended_before = self._ended_count
        self._withdrawn.difference_update(runs)
        self._claimed.extend(runs)
        self._may_come = may_come or bool(runs)
        self.wake()

    def look_again(self, runs: Iterable[int] = ()) -> None:
        """Take in that there may be more: the driver has to be asked."""

    async def _read_next(self) -> StoredRun | None:
        while self._claimed:
            run = await self._reader.run(self._claimed.popleft())
            if run is not None and run.status == "pending" and self._is_free(run.id):
                self._taken_count += 1
                self._forgive(run.id)  # it may have been killed here, and requeued
                self._made |= await self._reader.attempts_of([run.id])
                return run
        return None
