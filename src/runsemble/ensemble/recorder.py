"""Writes down what happens to the runs of a study, a little later than it happens.

Running never waits for it: events are gathered, each run's latest news only, and committed together. What an agent has
told is acknowledged to it only then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import anyio

from runsemble.closing import see_through
from runsemble.ensemble.pen import Pen
from runsemble.ensemble.private import private_directory
from runsemble.errors import StoreError
from runsemble.model import events
from runsemble.model.result import describe_end
from runsemble.model.status import Cause, stored_status
from runsemble.nodes.place import Place
from runsemble.runners.engine import Engine
from runsemble.runners.job import Job
from runsemble.runners.table import Row, RunTable
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, NewRun, RunUpdate, StoredAttempt
from runsemble.store.text import to_store
from runsemble.store.writer import Statement

_log = logging.getLogger("runsemble")

#: For how long events are gathered before they are committed, in seconds.
GATHER_S = 0.05
#: Events after which no more are waited for.
GATHER_COUNT = 1000
#: Seconds between two tries while the file cannot be written.
RETRY_S = 1.0

#: Ends of runs that were ended with their study, or with its agents, and not for their own sake.
_CANCELLED = (Cause.CANCELLED,)
_UNDONE = (Cause.CANCELLED, Cause.KILLED, Cause.AGENT_LOST)

_RUNNING = STATUS_NUMBER["running"]
_PENDING = STATUS_NUMBER["pending"]


class Recorder:
    """Records the runs of one table.

    Args:
        writer: Writes.
        table: Whose runs.
        new_run: What a run is to be taken in as, None for one that the store knows; None: it knows them all.
    """

    def __init__(
        self,
        writer: Pen,
        table: RunTable,
        new_run: Callable[[Job], NewRun | None] | None = None,
    ) -> None:
        self.backlog: Callable[[], int] = lambda: 0  #: what else of the runs that have ended is yet to be done
        self.is_stopping = False  #: the study is being ended: what is ended with it is to be started again
        self._killed: dict[int, int | None] = {}  #: see `mark_killed`
        self._writer = writer
        self._table = table
        self._new_run = new_run
        self._engine: Engine | None = None
        self._added: list[NewRun] = []
        self._runs: dict[int, RunUpdate] = {}
        self._attempts: dict[tuple[int, int, int], StoredAttempt] = {}
        self._results: dict[int, tuple[Any, ...]] = {}
        self._again: dict[int, tuple[int]] = {}  #: begun anew: what steps of a former attempt have posted is not theirs
        self._ends: list[tuple[int]] = []
        self._has_ended: int | None = None  #: the run whose last attempt has ended just now
        self.ended_count = 0  #: runs that have ended for good since this began
        self._events: list[tuple[Any, ...]] = []
        self._calls: list[Callable[[], None]] = []
        self._news = asyncio.Event()
        #: taken out and not yet committed, with those who wait for it
        self._batches: deque[tuple[list[Statement], list[Callable[[], None]]]] = deque()
        self._is_closing = False
        self._turn = asyncio.Lock()  #: for writing

    @property
    def directory(self) -> str:
        """Where agents may leave what is not written down."""
        return private_directory(self._writer.directory)

    @property
    def lag(self) -> int:
        """How many pieces of news wait to be written down."""
        return self._news_count + self.backlog()

    @property
    def _news_count(self) -> int:
        return len(self._added) + len(self._runs) + len(self._attempts)

    @property
    def is_up_to_date(self) -> bool:
        """Whether everything that was heard is written down."""
        return not self._batches and not self._has_news

    def bind(self, engine: Engine) -> None:
        """Tell this engine when nothing can be written."""
        self._engine = engine

    # Hearing

    def listen(self) -> None:
        """Take in every event of the table from now on."""
        bus = self._table.bus
        if self._new_run is not None:
            bus.listen(self._hear_added, events.RunAdded)
        bus.listen(self._hear_start, events.RunStarted)
        bus.listen(self._hear_attempt, events.AttemptEnded)
        bus.listen(self._hear_end, events.RunEnded)

    def ignore(self) -> None:
        """Take in nothing more."""
        for listener in (self._hear_added, self._hear_start, self._hear_attempt, self._hear_end):
            self._table.bus.ignore(listener)

    def _hear_added(self, event: Any) -> None:
        job = self._table.job(event.run)
        if job is not None and self._new_run is not None:
            new = self._new_run(job)
            if new is not None:
                self._added.append(new)
                self._wake()

    def _hear_start(self, event: Any) -> None:
        run, attempt, node, pid, cores, gpus, started, step = event
        self._runs[run] = RunUpdate(_RUNNING, None, attempt, step, None, None, run)
        self._attempts[run, attempt, step] = StoredAttempt(
            run, attempt, step, started, node, pid, ",".join(map(str, cores)), ",".join(gpus)
        )
        job = self._table.job(run)
        if not step and job is not None and job.posted is not None:
            self._results.pop(run, None)
            self._again[run] = (run,)
        self._wake()

    def _hear_attempt(self, event: Any) -> None:
        run, attempt, cause, returncode, message, step, started = event
        job = self._table.job(run)
        assert job is not None
        words = _words(cause, returncode, message)
        number = CAUSE_NUMBER[cause]
        begun = self._attempts.get((run, attempt, step))
        node, pid, cores, gpus = begun[4:8] if begun is not None else (None, None, None, None)
        tail: Any = to_store(job.last.tail)
        ended = StoredAttempt(
            run, attempt, step, started or None, node, pid, cores, gpus, number, returncode, words, tail=tail
        )
        if job.last.usage is not None:
            wall_s, user_s, system_s, rss, floor = job.last.usage
            ended = ended._replace(
                wall_s=wall_s, user_s=user_s, system_s=system_s, max_rss_bytes=rss, rss_floor_bytes=floor
            )
        self._attempts[run, attempt, step] = ended
        if job.posted is not None and not job.machine.is_over:
            self._results[run] = _as_stored(run, job.posted)
        is_next_told = job.machine.status == "running" or job.machine.is_over
        if not is_next_told and attempt >= job.machine.attempt - 1:  # else another one followed it
            self._runs[run] = RunUpdate(_PENDING, number, attempt, job.machine.step, returncode, words, run)
        self._has_ended = run if job.machine.is_over else None
        self._wake()

    def _hear_end(self, event: Any) -> None:
        row = self._table.entry(event.run)
        assert isinstance(row, Row)
        if self.was_killed(event.run, row):
            row = row._replace(status="skipped", cause=Cause.KILLED, message="killed on request")
        status = stored_status(row.status, row.cause)
        if status in ("failure", "killed") and self._is_undone(event.run, row.cause):
            status = "pending"
        words = _words(row.cause, row.returncode, row.message)
        self._runs[event.run] = RunUpdate(
            STATUS_NUMBER[status], CAUSE_NUMBER[row.cause], row.attempts, row.step, row.returncode, words, event.run
        )
        if status != "pending":
            self._ends.append((event.run,))
            self.ended_count += 1
        if row.result is not None:
            self._results[event.run] = _as_stored(event.run, row.result)
        self._wake()

    def _is_undone(self, run: int, cause: Cause) -> bool:
        """Tell whether a run has ended only because the study or its agents did, so that it is to be gone on with."""
        if run in self._killed:
            return False
        if not self._is_ending:
            return cause in _CANCELLED
        return cause in _UNDONE or run != self._has_ended  # then it waited for its next attempt

    async def kill(self, engine: Engine, runs: Iterable[int], how: str) -> set[int]:
        """End runs on request, those that are under way; on return where each stood is written down.

        Args:
            engine: Where they are.
            runs: Ids.
            how: "stop" or "kill".

        Returns:
            Those that are being ended.
        """
        jobs = [job for id_ in runs if (job := self._table.job(id_)) is not None]
        held = {job.id for job in jobs}
        self.mark_killed(jobs)
        engine.cancel_all(jobs, Cause.KILLED, how)
        await self.flush()
        return held

    def mark_killed(self, jobs: Iterable[Job]) -> None:
        """Take in that these runs are going to be ended on request, and not with their study."""
        for job in jobs:
            self._killed[job.id] = job.machine.made if job.machine.status == "pending" else None

    def forgive(self, run: int) -> None:
        """Undo `mark_killed`: it is to be executed again."""
        self._killed.pop(run, None)

    def was_killed(self, run: int, row: Row) -> bool:
        """Tell whether a run was killed that counts as failed: it had, and waited to be tried again."""
        return row.status == "failure" and self._killed.get(run) == row.attempts

    @property
    def _is_ending(self) -> bool:
        return self.is_stopping or (self._engine is not None and self._engine.failure is not None)

    def note(self, kind: str, text: str) -> None:
        """Write down something that happened to the study as a whole."""
        self._events.append((time.time(), kind, to_store(text)))
        self._wake()

    def _wake(self) -> None:
        if not self._news.is_set():
            self._news.set()

    # What agents wait for

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once everything that was heard so far is committed; at once if it is."""
        if self.is_up_to_date:
            call()
        else:
            self._calls.append(call)
            self._wake()

    async def announce(self, place: Place) -> None:
        """Commit where an agent is, before anything can run there; wait until that can be done.

        Raises:
            LeaseError: Another process has taken the study over.
        """
        row = (place.directory, place.spool, place.node, self._writer.epoch, self._writer.guest)
        async with self._turn:
            self._batches.append(([("add_agent", [row])], []))
            await self._write_batches()

    # Writing

    @property
    def _has_news(self) -> bool:
        return bool(self._added or self._runs or self._attempts or self._results or self._events)

    async def keep_writing(self) -> None:
        """Commit what is heard, until `close` is called; then something may be left, see `flush`.

        Raises:
            LeaseError: Another process has taken the study over.
        """
        while True:
            await self._news.wait()
            if self._is_closing:
                return
            if self._news_count < GATHER_COUNT:
                await anyio.sleep(GATHER_S)
            await self.flush()

    def close(self) -> None:
        """Take in nothing more, and let `keep_writing` end."""
        self.ignore()
        self._is_closing = True
        self._news.set()

    async def flush(self) -> None:
        """Commit everything that was heard so far; wait until that can be done.

        Raises:
            LeaseError: Another process has taken the study over.
        """
        async with self._turn:
            if not self._is_closing:
                self._news.clear()
            self._batches.append(self._take())
            await self._write_batches()

    async def _write_batches(self) -> None:
        """Commit every batch, however long it takes until the file can be written."""
        is_stuck = False
        while self._batches:
            try:
                await see_through(self._commit())
            except StoreError as error:
                if not is_stuck:
                    is_stuck = True
                    _log.warning("%s; it is tried again until that can be done", error)
                    self._tell(str(error))
                await anyio.sleep(RETRY_S)
        if is_stuck:
            self._tell("")

    def _take(self) -> tuple[list[Statement], list[Callable[[], None]]]:
        """Take out what waits, as statements, and whom to call afterwards."""
        statements: list[Statement] = []
        if self._added:
            statements += [("add_runs", self._added), ("count_in", [(len(self._added), _PENDING)])]
        for name, rows in (
            ("record_runs", self._runs), ("record_attempts", self._attempts), ("forget_results", self._again),
            ("record_results", self._results),
        ):  # fmt: skip
            if rows:
                statements.append((name, list(rows.values())))
        for name, entries in (("record_ends", self._ends), ("add_events", self._events)):
            if entries:
                statements.append((name, entries))
        calls, self._calls = self._calls, []
        self._added, self._runs, self._attempts, self._results, self._again = [], {}, {}, {}, {}
        self._ends, self._events = [], []
        return statements, calls

    async def _commit(self) -> None:
        """Commit the oldest batch, and forget it; call whoever waits for that."""
        statements, calls = self._batches[0]
        if statements:
            await self._writer.commit(statements)
        self._batches.popleft()
        for call in calls:
            call()

    def _tell(self, problem: str) -> None:
        if self._engine is not None:
            self._engine.pause(problem)


def _as_stored(run: int, posted: tuple[str, Any]) -> tuple[Any, ...]:
    """Return what a run has posted as the record takes it."""
    return run, posted[0], to_store(str(posted[1]))


def _words(cause: Cause, returncode: int | None, message: str) -> Any:
    """Return how an attempt ended, None where its cause says it all."""
    return None if cause is Cause.OK or message == describe_end(cause, returncode, None) else to_store(message)
