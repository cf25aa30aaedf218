"""Feeds the pending runs of a stored study into an engine, as there is room for them, and no further."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable

from runsemble.ensemble.guests import Guests
from runsemble.ensemble.submission import Submission
from runsemble.runners.admission import Admission
from runsemble.runners.engine import Engine
from runsemble.runners.table import RunTable
from runsemble.store.reader import PAGE, Reader
from runsemble.store.records import StoredAttempt, StoredRun


class Feed:
    """Takes pending runs out of the store while they are being executed.

    Args:
        reader: Reads the store.
        submission: Where they go.
        table: Where they are counted.
        engine: Where they are executed.
        taken: Ids of pending runs that are taken already.
        only: Ids of the runs that are taken, None for all that are pending.
        guests: Who else takes runs, None where nobody does.
    """

    #: Whether the statistics of the table count the runs before they are taken.
    are_counted = True

    def __init__(
        self,
        reader: Reader,
        submission: Submission,
        table: RunTable,
        engine: Engine,
        taken: Collection[int],
        only: Collection[int] | None = None,
        guests: Guests | None = None,
    ) -> None:
        self.is_stopped = False  #: nothing more is taken
        self._reader = reader
        self._submission = submission
        self._table = table
        self._engine = engine
        self._admission = Admission(engine)
        self._guests = guests
        self._turn = asyncio.Lock()  #: for reading
        self._taken = set(taken)
        self._next = 0  #: every pending run with a lower id was taken, but for those in `_again`
        self._page: deque[StoredRun] = deque()
        self._made: dict[int, list[StoredAttempt]] = {}  #: attempts at runs of the page
        self._only = only
        self._again: deque[int] = deque(() if only is None else (run for run in only if run not in self._taken))
        self._withdrawn: set[int] = set()  #: pending no more, though what was read of them may say otherwise
        self._is_dry = only is not None  #: there was nothing behind `_next`

    def stop(self) -> None:
        """Take nothing more."""
        self.is_stopped = True
        self._admission.tell()

    def look_again(self, runs: Iterable[int] = ()) -> None:
        """Look for runs that were added, and for these, which are pending again."""
        for run in runs:
            self._withdrawn.discard(run)
            if self._only is None or run in self._only:
                self._again.append(run)
        self._is_dry = self._only is not None
        self._admission.tell()

    def withdraw(self, runs: Collection[int]) -> None:
        """Take none of these any more."""
        self._withdrawn.update(runs)

    @property
    def has_more(self) -> bool:
        """Whether there may be runs that were not taken yet."""
        return not self.is_stopped and bool(self._page or self._again or not self._is_dry)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for but the runs that were taken."""
        return not self.has_more and (self._guests is None or not self._guests.are_awaited)

    def wake(self) -> None:
        """Look again whether there is room, or anything to wait for."""
        self._admission.tell()

    async def hand_over(self, count: int, unfit: Collection[int]) -> list[StoredRun]:
        """Return up to so many pending runs, which somebody else sees through; they are taken here no more.

        Those that nobody has taken yet come first, then those that wait for their turn here.

        Args:
            count: How many.
            unfit: Ids of runs that are not meant.
        """
        given: list[StoredRun] = []
        kept: list[int] = []
        while len(given) < count and len(kept) < PAGE and (run := await self._next_run()) is not None:
            if run.id in unfit:
                kept.append(run.id)
            else:
                given.append(run)
        self._again.extend(kept)
        if len(given) < count:
            waiting = self._engine.take_out(
                lambda job: job.table is self._table and job.id not in unfit, count - len(given)
            )
            given += [run for job in waiting if (run := await self._reader.run(job.id)) is not None]
        self._taken.update(run.id for run in given)
        return given

    async def guests_ended(self) -> None:
        """Wait until no guest has any runs that are waited for.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        with self._admission.open():
            while self._guests is not None and self._guests.are_awaited:
                self._admission.require()
                await self._admission.news()

    async def run(self) -> None:
        """Take runs until there are no more, and none under way that could bring some; or until `stop` is called.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        with self._admission.open():
            while not self.is_stopped:
                count = self._admission.count
                if count and self.has_more:
                    await self._take(count)
                elif self.is_over and not self._table.active_count:
                    return
                else:
                    await self._admission.news()

    async def _take(self, count: int) -> None:
        self._admission.begin()
        for _ in range(count):
            run = await self._next_run()
            if run is None or self.is_stopped:
                break
            self._submission.submit(run, self._made.pop(run.id, ()), is_known=self.are_counted)
            if self._admission.is_time_to_give_way:
                await self._admission.give_way()
        self._engine.pump()

    async def _next_run(self) -> StoredRun | None:
        async with self._turn:
            return await self._read_next()

    async def _read_next(self) -> StoredRun | None:
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
        return None if self._is_dry else await self._read_next()

    def _is_free(self, run: int) -> bool:
        is_held = self._guests is not None and run in self._guests.held
        return run not in self._withdrawn and self._table.job(run) is None and not is_held
