"""Feeds the pending runs of a stored study into an engine, as there is room for them, and no further."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence

from runsemble.ensemble.book import Binder
from runsemble.errors import UsageError
from runsemble.model.events import Note
from runsemble.model.resources import Shape
from runsemble.model.status import Cause
from runsemble.runners.additions import end_unsubmitted
from runsemble.runners.engine import Engine
from runsemble.runners.intake import LAG_POLL_S, SLICE_S
from runsemble.runners.table import RunTable
from runsemble.sched.feed import MAX_LAG, to_admit
from runsemble.store.reader import PAGE, Reader
from runsemble.store.records import StoredAttempt, StoredRun


class Feed:
    """Takes pending runs out of the store while they are being executed.

    Args:
        reader: Reads the store.
        binder: Makes jobs of stored runs.
        table: Where its runs are counted.
        engine: Where they go.
        taken: Ids of pending runs that are taken already.
        only: Ids of the runs that are taken, None for all that are pending.
    """

    def __init__(
        self,
        reader: Reader,
        binder: Binder,
        table: RunTable,
        engine: Engine,
        taken: Collection[int],
        only: Collection[int] | None = None,
    ) -> None:
        self.is_stopped = False  #: nothing more is taken
        self._reader = reader
        self._binder = binder
        self._table = table
        self._engine = engine
        self._taken = set(taken)
        self._next = 0  #: every pending run with a lower id was taken, but for those in `_again`
        self._page: deque[StoredRun] = deque()
        self._made: dict[int, list[StoredAttempt]] = {}  #: attempts at runs of the page
        self._only = only
        self._again: deque[int] = deque(() if only is None else (run for run in only if run not in self._taken))
        self._withdrawn: set[int] = set()  #: pending no more, though what was read of them may say otherwise
        self._is_dry = only is not None  #: there was nothing behind `_next`
        self._room = asyncio.Event()
        self._noted: set[Shape] = set()

    def stop(self) -> None:
        """Take nothing more."""
        self.is_stopped = True
        self._room.set()

    def look_again(self, runs: Iterable[int] = ()) -> None:
        """Look for runs that were added, and for these, which are pending again."""
        for run in runs:
            self._withdrawn.discard(run)
            if self._only is None or run in self._only:
                self._again.append(run)
        self._is_dry = self._only is not None
        self._room.set()

    def withdraw(self, runs: Collection[int]) -> None:
        """Take none of these any more."""
        self._withdrawn.update(runs)

    @property
    def has_more(self) -> bool:
        """Whether there may be runs that were not taken yet."""
        return not self.is_stopped and bool(self._page or self._again or not self._is_dry)

    async def run(self) -> None:
        """Take runs until there are no more, and none under way that could bring some; or until `stop` is called.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        engine = self._engine
        engine.room_listeners.append(self._room.set)
        try:
            while not self.is_stopped:
                if engine.failure is not None:
                    raise engine.failure
                count = to_admit(engine.slots, engine.waiting_count, engine.lag)
                if count and self.has_more:
                    await self._take(count)
                elif not self.has_more and not self._table.active_count:
                    return
                elif engine.lag > MAX_LAG:
                    await asyncio.sleep(LAG_POLL_S)
                else:
                    self._room.clear()
                    await self._room.wait()
        finally:
            engine.room_listeners.remove(self._room.set)

    async def _take(self, count: int) -> None:
        give_way_at = time.monotonic() + SLICE_S
        for _ in range(count):
            run = await self._next_run()
            if run is None or self.is_stopped:
                break
            self._submit(run, self._made.pop(run.id, ()))
            if time.monotonic() > give_way_at:
                self._engine.pump()
                await asyncio.sleep(0)
                give_way_at = time.monotonic() + SLICE_S
        self._engine.pump()

    async def _next_run(self) -> StoredRun | None:
        while self._again:
            id_ = self._again.popleft()
            run = await self._reader.run(id_)
            if run is not None and run.status == "pending" and self._is_free(id_):
                self._taken.add(id_)  # a page that comes to it must not bring it a second time
                self._made |= await self._reader.attempts_of([id_])
                return run
        if not self._page and not self._is_dry:
            self._page.extend(await self._reader.page(self._next, PAGE, "pending"))
            self._is_dry = not self._page
            if self._page:
                self._next = self._page[-1].id + 1
                self._made = await self._reader.attempts_of([run.id for run in self._page if run.attempt])
        while self._page:
            run = self._page.popleft()
            if run.id not in self._taken and self._is_free(run.id):
                return run
        return None if self._is_dry else await self._next_run()

    def _is_free(self, run: int) -> bool:
        return run not in self._withdrawn and self._table.job(run) is None

    def _submit(self, run: StoredRun, made: Sequence[StoredAttempt]) -> None:
        try:
            job = self._binder.bind(run, made)
        except UsageError as error:
            self._refuse(run, str(error))
            return
        self._table.add(job, is_known=True)
        self._note_size(job.plan.shape)
        problem = self._engine.pool.why_never(job.plan.shape)
        if problem:
            end_unsubmitted(job, Cause.ABORTED, problem)
        else:
            self._engine.submit(job)

    def _note_size(self, shape: Shape) -> None:
        """Warn once of runs that ask for more than there is, and are started nevertheless."""
        if shape not in self._noted:
            self._noted.add(shape)
            if self._engine.pool.exceeds(shape):
                self._table.bus.publish(Note(f"a run asks for {shape}, which is more than there is; it is given that"))

    def _refuse(self, run: StoredRun, problem: str) -> None:
        """Let a run fail that cannot be prepared; the others must not suffer from it."""
        job = self._binder.bind_nothing(run)
        self._table.add(job, is_known=True)
        end_unsubmitted(job, Cause.STAGING, problem)
