"""Drives a stored study: executes what is pending, until nothing is, or it is told to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio.to_thread

from runsemble.ensemble.attending import Attendant
from runsemble.ensemble.book import Binder, Book
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.creation import require_whole
from runsemble.ensemble.diary import Diary
from runsemble.ensemble.errands import Errand, hook_errand, run_errand
from runsemble.ensemble.feed import Feed
from runsemble.ensemble.inheritance import Inheritance, find_inheritance
from runsemble.ensemble.keeping import forget_agents, recording
from runsemble.ensemble.limits import Limits
from runsemble.ensemble.private import make_private_directory
from runsemble.ensemble.pruning import pruning
from runsemble.ensemble.recorder import Recorder
from runsemble.ensemble.submission import Submission
from runsemble.errors import AgentError, StrangeRuns
from runsemble.model import events
from runsemble.model.resources import Request
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause, RunStatus, StoredStatus
from runsemble.runners.engine import Engine
from runsemble.runners.heirs import Tenure
from runsemble.runners.interrupts import CURRENT
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import Showing, show_progress
from runsemble.runners.table import LatestRows, Row
from runsemble.sched.deadline import Deadline
from runsemble.sched.policy import AbortPolicy, Halt
from runsemble.store.connection import is_shared
from runsemble.store.reader import Reader, reading
from runsemble.store.records import NewRun, StoredRun
from runsemble.store.writer import Writer, hold_lease

#: Ended runs that stay in memory.
KEPT_ROWS = 10_000
#: How often it is looked again which runs agents know of that nobody else does.
TRIES = 3

#: What stored statuses count as while runs are under way.
_COUNTS_AS: dict[StoredStatus, RunStatus] = {
    "pending": "pending", "running": "running", "success": "success", "failure": "failure", "killed": "skipped",
    "aborted": "failure", "skipped": "skipped",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a stored study is to be executed."""

    max_concurrency: int | None = None  #: runs at the same time; None: as many as the cores allow
    make_runner: Callable[[], PooledRunner] | None = None  #: makes the runner; None: one for this machine
    showing: Showing = field(default_factory=lambda: Showing(False))
    orphans: str = "finish"
    drains: bool = False  #: nothing is started; what runs already may finish
    only: Sequence[int] | None = None  #: ids of the runs to take; None: all that are pending
    counts_small: bool = True  #: whether runs of one core are counted by cores; see `ParallelLocalRunner`
    deadline_s: float | None = None  #: seconds after which what runs is ended, to be started again by the next driver
    repeats: int = 0  #: how often to begin anew when that time is over and something is pending; -1: without limit
    env: Mapping[str, str] = field(default_factory=dict)  #: further variables for everything that is started
    log: str | None = None  #: file in which the driver keeps a diary, absolute
    patience_s: float = 1.0  #: how long to wait for whoever holds the lease: a command does for a moment only


class Driver:
    """One execution of a stored study.

    Args:
        directory: The study's, absolute.
        execution: How.
    """

    def __init__(self, directory: str, execution: Execution) -> None:
        self.directory = directory
        self.statistics = RunStatistics()
        self.reason = ""  #: why it ended before nothing was pending
        self.halted: Halt | None = None  #: what the study was given up for, None if it was not
        self.is_out_of_time = False  #: the deadline is over, or left too little time for what is pending
        self._execution = execution
        self._is_at_work = False
        self._is_unwanted = False  #: told to end before there was anything to end
        self._is_halted = False  #: told to end at once
        self._is_finishing = False  #: told by a hook that nothing more is to be started
        self._errands_after = -1  #: so many runs had ended when errands were done

    @property
    def was_ended(self) -> bool:
        """Whether it was told to end, or gave up, before nothing was pending."""
        return self._is_at_work and self._feed.is_stopped

    async def run(self) -> None:
        """Execute what is pending; on a normal return nothing is under way, and everything is on disk.

        Raises:
            LeaseError: Another process drives the study.
            StoreError: The record cannot be read or written.
            AgentError: The agents cannot be started, or kept alive.
        """
        async with (
            hold_lease(self.directory, patience_s=self._execution.patience_s) as writer,
            reading(self.directory) as reader,
        ):
            for tries_left in reversed(range(TRIES)):
                try:
                    await self._drive(writer, reader)
                    break
                except StrangeRuns:
                    if not tries_left:
                        raise

    async def _drive(self, writer: Writer, reader: Reader) -> None:
        settings = await reader.settings()
        require_whole(self.directory, settings)
        runner = self._make_runner()
        table = runner.new_table(settings["base"], LatestRows(KEPT_ROWS))
        self.statistics = table.statistics = _statistics(await reader.counts())
        table.keep, table.output_path = settings.get("keep", "all"), self.directory
        table.next_id = await reader.next_id() or 0
        book = await anyio.to_thread.run_sync(Book, self.directory, await reader.recipes())
        deadline = self._deadline()
        policy = AbortPolicy.of(settings.get("max_failures"), settings.get("halt"))
        # Runs sent ahead may start after the one that decides; a study that is to stop there sends none.
        new_plan = partial(runner.new_plan, deadline=deadline, is_sent_ahead=not policy.halts)
        binder = Binder(book, table, new_plan, self._execution.env)
        inheritance = await find_inheritance(reader, self.directory, binder, table)
        self._table, self._recorder = table, Recorder(writer, table)
        self._limits = Limits(policy, self.statistics if settings.get("counts_former") else None)
        recorder = self._recorder
        recorder.listen()
        table.bus.listen(self._hear_end, events.RunEnded)
        runner.tenure = await self._tenure(writer, recorder, inheritance)
        unheard: list[events.Event] = []
        turn = asyncio.Lock()  # held while what is to be executed may change
        async with AsyncExitStack() as stack:
            runner.bus.listen(unheard.append, events.Note)
            engine = await runner.enter(Request(gpus=1))
            runner.bus.ignore(unheard.append)
            stack.push_async_callback(forget_agents, recorder, writer, engine)  # once they have ended
            stack.push_async_callback(runner.leave)
            stack.callback(runner.end_table, table)
            await stack.enter_async_context(pruning(recorder, writer, settings, table.bus, turn))
            await stack.enter_async_context(recording(recorder, writer, engine))
            if self._execution.log is not None:
                await stack.enter_async_context(Diary(self._execution.log, table))
            if self._execution.showing.shows_bar:
                total = self.statistics.total_count
                bar = show_progress(table, runner.bus, total, lambda: engine.pool.usage, self._execution.showing)
                await stack.enter_async_context(bar)
            for note in unheard:  # of agents that were taken over, before anybody could listen
                table.bus.publish(note)
            if any(study.has_calls for study in book.studies.values()):
                await engine.enable_calls()
            taken = [job.id for job in inheritance.jobs.values()]
            submission = Submission(binder, table, engine)
            feed = Feed(reader, submission, table, engine, taken, self._execution.only)
            self._begin(runner, feed)
            self._watch_time(deadline, stack)
            self._settings, self._writer, self._reader = settings, writer, reader
            desk = Desk(writer, reader, book, self)

            async def get_desk() -> Desk:
                return desk

            self._attendant = Attendant(self.directory, engine, get_desk, turn)
            await stack.enter_async_context(self._attendant.attending())
            await self._see_runs_through(engine)
        await writer.require_there()

    def _make_runner(self) -> PooledRunner:
        make = self._execution.make_runner
        how = self._execution
        return make() if make else ParallelLocalRunner(how.max_concurrency, counts_small=how.counts_small)

    async def _tenure(self, writer: Writer, recorder: Recorder, inheritance: Inheritance) -> Tenure:
        spools = await anyio.to_thread.run_sync(_spool_directory, self.directory)
        return Tenure(
            epoch=writer.epoch,
            orphans="finish" if self._execution.orphans == "finish" else "kill",
            spool_directory=spools,
            places=inheritance.places,
            inherited=inheritance.jobs,
            unwanted=inheritance.unwanted,
            record=recorder,
        )

    def _begin(self, runner: PooledRunner, feed: Feed) -> None:
        self._runner, self._feed = runner, feed
        self._is_at_work = True
        self._limits.act(self._give_up, self.statistics.total_count)
        interrupts = CURRENT.get()
        if interrupts is not None:
            interrupts.begin(self, self)
        if self._is_unwanted:
            self.halt("stop")
        elif self._execution.drains:
            self.drain()

    async def _see_runs_through(self, engine: Engine) -> None:
        """Take runs in and wait until they have ended; on return, however it comes, none is under way."""
        try:
            await self._prepare_study()
            while True:
                await self._feed.run()
                await engine.settled(self._table)
                if not self._feed.has_more:
                    await self._attendant.answer()  # what has come meanwhile may bring more
                if not self._feed.has_more and not await self._has_more_after_errands():
                    break
        except AgentError:
            await self._end(Cause.AGENT_LOST)
            raise
        except BaseException:
            await self._end(Cause.CANCELLED)
            raise

    async def _prepare_study(self) -> None:
        """Call `prep_ensemble`, once in the study's life; if it fails, runs go on, and the next driver tries again."""
        hook = hook_errand("prep_ensemble", self._settings)
        if hook is None or self._settings.get("is_prepared"):
            return
        if await self._do(hook):
            await self._writer.commit([("set_setting", [("is_prepared", "true")])])

    async def _has_more_after_errands(self) -> bool:
        """Do what is to be done when nothing is pending any more; tell whether there are runs again after that."""
        if self.reason or self._is_halted or self.is_out_of_time:
            return False
        before = self._recorder.ended_count
        if before == self._errands_after:
            return False  # nothing has run since the last time
        self._errands_after = before
        settings = await self._reader.settings()
        command = settings.get("on_completion")
        if command is not None:
            await self._do(Errand("on_completion", **command))
        hook = hook_errand("post_ensemble", settings)
        if hook is not None and (self._is_finishing or not self._feed.is_stopped):
            await self._do(hook)
        await self._attendant.answer()
        return self._feed.has_more

    async def _do(self, errand: Errand) -> bool:
        """Run an errand; write down how it went; tell whether it went well."""
        how = self._execution
        problem = await run_errand(errand, self.directory, env=how.env, log=how.log)
        self._recorder.note("errand", problem or f"{errand.name} ended well")
        if problem:
            self._table.bus.publish(events.Note(problem))
        return not problem

    async def _end(self, cause: Cause) -> None:
        self._feed.stop()
        self._recorder.is_stopping = True
        await self._runner.end_study(self._table, cause)

    # Commands

    async def kill(self, runs: Sequence[int], how: str) -> set[int]:
        """End these runs for good; see `commands.Live`."""
        self._feed.withdraw(runs)
        return await self._recorder.kill(self._runner.engine, runs, how)

    def count_killed(self, runs: Sequence[StoredRun]) -> None:
        """Take in that these runs are killed; see `commands.Live`."""
        for run in runs:
            self.statistics.move(self._counted_as(run.id), "skipped")

    def _counted_as(self, run: int) -> RunStatus:
        """Return what a run counts as that is pending in the record: one that was passed over is so there as well."""
        try:
            entry = self._table.entry(run)
        except LookupError:
            return "pending"
        return "skipped" if isinstance(entry, Row) and entry.status == "skipped" else "pending"

    def take_again(self, runs: Iterable[StoredRun]) -> None:
        """Execute these runs again; see `commands.Live`."""
        ids = []
        for run in runs:
            self._recorder.forgive(run.id)
            self._limits.forget(run.id)
            self.statistics.move(_COUNTS_AS[run.status], "pending")
            ids.append(run.id)
        self._feed.look_again(ids)

    def reserve(self, count: int) -> None:
        """Leave to the record what further runs get; see `commands.Live`."""

    def take_more(self, rows: Sequence[NewRun]) -> None:
        """Execute runs that were added; see `commands.Live`."""
        self.statistics.add("pending", len(rows))
        self._feed.look_again()
        self._table.bus.publish(events.FeedEnded(self.statistics.total_count))

    def resize(self, count: int) -> None:
        """Have so many runs at the same time from now on."""
        self._runner.engine.resize(count)

    def _hear_end(self, event: Any) -> None:
        """Count a run that has ended; one that was ended on request is none that failed."""
        status = event.status
        if status == "failure":
            row = self._table.entry(event.run)
            if event.cause is Cause.KILLED or (isinstance(row, Row) and self._recorder.was_killed(event.run, row)):
                status = "skipped"
                self.statistics.move("failure", "skipped")
        self._limits.count(event.run, status, self.statistics.total_count)

    # Ending it

    def _deadline(self) -> Deadline | None:
        after_s = self._execution.deadline_s
        return None if after_s is None else Deadline(time.monotonic() + after_s)

    def _watch_time(self, deadline: Deadline | None, stack: AsyncExitStack) -> None:
        """End what runs when the time is over; note when a run is not started for want of time."""
        if deadline is None:
            return

        def end() -> None:
            self.is_out_of_time = True
            self.halt("stop")

        def watch(event: Any) -> None:
            if event.status == "skipped" and event.cause is Cause.ABORTED and not self._feed.is_stopped:
                self.is_out_of_time = True

        self._table.bus.listen(watch, events.RunEnded)
        timer = asyncio.get_running_loop().call_later(max(0.0, deadline.at_s - time.monotonic()), end)
        stack.callback(timer.cancel)

    def _give_up(self, halt: Halt) -> None:
        self.halted, self.reason = halt, self._limits.reason
        self._table.bus.publish(events.Aborted(self.reason))
        if halt.when == "now":
            self.halt("stop")
        else:
            self.drain()

    def finish(self) -> None:
        """Start nothing more, as a hook has asked; when nothing runs any more, call `post_ensemble`, and end."""
        self._is_finishing = True
        self.drain()

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""
        self._feed.stop()
        self._recorder.is_stopping = True
        if self._runner.is_running:
            self._runner.engine.skip_waiting(lambda job: job.table is self._table)
        return self.statistics.running_count

    def end(self, how: str) -> None:
        """End soon, on a signal: what runs is ended, and is to be started again."""
        if self._is_at_work:
            self.halt(how)
        else:
            self._is_unwanted = True

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs ("stop" or "kill"); return how many runs there are to end."""
        self._is_halted = True
        self._feed.stop()
        self._recorder.is_stopping = True
        if self._runner.is_running:
            self._runner.stop(self._table, Cause.KILLED, how)
        return self.statistics.running_count


class Drive:
    """Drives a stored study, anew each time when the time is over, as often as its execution says.

    Args:
        directory: The study's, absolute.
        execution: How.
    """

    def __init__(self, directory: str, execution: Execution) -> None:
        self.driver = Driver(directory, execution)  #: the present one
        self._directory = directory
        self._execution = execution
        self._is_wanted = True

    async def run(self) -> None:
        """See `Driver.run`."""
        left = self._execution.repeats
        while True:
            await self.driver.run()
            if not (self._is_wanted and self.driver.is_out_of_time and left):
                return
            left -= 1
            self.driver = Driver(self._directory, self._execution)

    def end(self, how: str) -> None:
        """End soon, and do not begin anew; see `Driver.end`."""
        self._is_wanted = False
        self.driver.end(how)


def _statistics(counts: dict[StoredStatus, int]) -> RunStatistics:
    statistics = RunStatistics()
    for status, count in counts.items():
        statistics.add(_COUNTS_AS[status], count)
    return statistics


def _spool_directory(directory: str) -> str | None:
    """Return where spools are kept: beside the record, unless that is on a disk that machines share."""
    private = make_private_directory(directory)
    return None if is_shared(private) else private
