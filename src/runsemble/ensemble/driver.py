"""Drives a stored study: executes what is pending, until nothing is, or it is told to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import anyio.to_thread

from runsemble.closing import see_through
from runsemble.ensemble.attending import Attendant
from runsemble.ensemble.book import Binder, Book
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.creation import require_whole
from runsemble.ensemble.diary import Diary
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.feed import Feed
from runsemble.ensemble.guest_feed import GuestFeed
from runsemble.ensemble.guest_pen import GuestPen, new_name
from runsemble.ensemble.guests import COUNTS_AS, Guests
from runsemble.ensemble.host import Host, take_stock
from runsemble.ensemble.inheritance import NO_INHERITANCE, Inheritance, find_inheritance
from runsemble.ensemble.keeping import forget_agents, recording
from runsemble.ensemble.killing import kill_condemned
from runsemble.ensemble.limits import Limits
from runsemble.ensemble.occasions import Occasions
from runsemble.ensemble.pen import Pen
from runsemble.ensemble.private import make_private_directory
from runsemble.ensemble.pruning import pruning
from runsemble.ensemble.recorder import Recorder
from runsemble.ensemble.submission import Submission
from runsemble.ensemble.visit import Visit
from runsemble.errors import AgentError, LeaseError, LooksAgain, StrangeRuns
from runsemble.model import events
from runsemble.model.resources import Request
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause, RunStatus, StoredStatus
from runsemble.runners.engine import Engine
from runsemble.runners.heirs import Tenure
from runsemble.runners.interrupts import CURRENT
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import show_progress
from runsemble.runners.table import LatestRows, Row
from runsemble.sched.deadline import Deadline
from runsemble.sched.policy import AbortPolicy, Halt, Tally
from runsemble.store.connection import is_shared
from runsemble.store.reader import Reader, reading
from runsemble.store.records import NewRun, StoredRun
from runsemble.store.writer import Writer, hold_lease

#: Ended runs that stay in memory.
KEPT_ROWS = 10_000
#: How often it is looked again which runs agents know of that nobody else does.
TRIES = 3


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
        self._tally = Tally()
        self._turn = asyncio.Lock()  #: held by whoever carries commands out, or must not be disturbed by any
        self._is_at_work = False
        self._is_draining = False  #: nothing more is to be started
        self._heritage: tuple[Writer, AsyncExitStack] | None = None  #: the lease, after it was a guest
        self._former_self = ""  #: the guest that it was
        self._guests: Guests | None = None  #: None while it is a guest itself
        self._is_unwanted = False  #: told to end before there was anything to end
        self._is_halted = False  #: told to end at once
        self._is_finishing = False  #: told by a hook that nothing more is to be started

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
        async with AsyncExitStack() as stack:
            pen, reader = await self._begin_part(stack)
            self._deadline = self._make_deadline()
            tries_left = TRIES
            while True:
                try:
                    await self._play(pen, reader)
                    if self._heritage is None:
                        return
                except StrangeRuns:
                    tries_left -= 1
                    if not tries_left:
                        raise
                except LooksAgain:
                    pass
                if self._heritage is not None:
                    self._former_self = pen.guest or ""
                    pen, lease = self._heritage
                    self._heritage = None
                    await stack.enter_async_context(lease)

    async def _begin_part(self, stack: AsyncExitStack) -> tuple[Writer | GuestPen, Reader]:
        """Take the lease, or else join whoever has it, if that is wanted; until the stack is closed."""
        patience_s = 0.0 if self._execution.allow_multiple else self._execution.patience_s
        while True:
            try:
                writer = await stack.enter_async_context(hold_lease(self.directory, patience_s=patience_s))
            except LeaseError:
                if not self._execution.allow_multiple:
                    raise
            else:
                return writer, await stack.enter_async_context(reading(self.directory))
            reader = await stack.enter_async_context(reading(self.directory))
            pen = GuestPen(self.directory, reader, new_name(), (await reader.lease()).epoch)
            if await pen.join():
                return pen, reader

    async def _play(self, pen: Writer | GuestPen, reader: Reader) -> None:
        """Drive the study, as what this driver is at present."""
        try:
            await self._drive(pen, reader)
        except LooksAgain:
            raise
        except BaseException:
            if self._heritage is not None:
                await see_through(self._heritage[1].aclose())
            raise
        finally:
            if isinstance(pen, GuestPen):
                await see_through(pen.leave())

    async def _drive(self, pen: Writer | GuestPen, reader: Reader) -> None:
        settings, self._reader = await reader.settings(), reader
        require_whole(self.directory, settings)
        runner = self._make_runner()
        table = runner.new_table(settings["base"], LatestRows(KEPT_ROWS))
        table.keep, table.output_path = settings.get("keep", "all"), self.directory
        table.next_id = await reader.next_id() or 0
        book = await anyio.to_thread.run_sync(Book, self.directory, await reader.recipes())
        policy = AbortPolicy.of(settings.get("max_failures"), settings.get("halt"))
        # Runs sent ahead may start after the one that decides; a study that is to stop there sends none.
        new_plan = partial(runner.new_plan, deadline=self._deadline, is_sent_ahead=not policy.halts)
        binder = Binder(book, table, new_plan, self._execution.env)
        self._guests, inheritance = None, NO_INHERITANCE
        if isinstance(pen, Writer):
            await take_stock(pen, reader, Desk(pen, reader, book), self._former_self)
            inheritance = await find_inheritance(reader, self.directory, binder, table)
            await kill_condemned(pen, reader, but={job.id for job in inheritance.condemned})
            table.statistics = _statistics(await reader.counts())
            known, claims = await reader.guests(), await reader.claims()
            self._guests = Guests(self.directory, known, claims, table.statistics, self._hear_guest_end)
        self.statistics = table.statistics
        self._table, self._recorder = table, Recorder(pen, table)
        self._limits = Limits(policy, self.statistics if settings.get("counts_former") else None, self._tally)
        recorder = self._recorder
        recorder.mark_killed(inheritance.condemned)
        recorder.listen()
        table.bus.listen(self._hear_end, events.RunEnded)
        runner.tenure = await self._tenure(pen, recorder, inheritance)
        unheard: list[events.Event] = []
        async with AsyncExitStack() as stack:
            runner.bus.listen(unheard.append, events.Note)
            engine = await runner.enter(Request(gpus=1))
            runner.bus.ignore(unheard.append)
            if isinstance(pen, GuestPen):
                stack.callback(_note_settled, pen, recorder, engine)
            stack.push_async_callback(forget_agents, recorder, pen, engine)  # once they have ended
            stack.push_async_callback(runner.leave)
            stack.callback(runner.end_table, table)
            if isinstance(pen, Writer):
                await stack.enter_async_context(pruning(recorder, pen, settings, table.bus, self._turn))
            await stack.enter_async_context(recording(recorder, pen, engine))
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
            if isinstance(pen, GuestPen):
                await self._execute_claimed(pen, runner, binder, Desk(pen, reader, book, self), stack)
            else:
                desk = Desk(pen, reader, book, self, self._guests)
                await self._execute_pending(pen, runner, binder, desk, inheritance, stack)
        await pen.require_there()

    async def _execute_pending(
        self,
        writer: Writer,
        runner: PooledRunner,
        binder: Binder,
        desk: Desk,
        inheritance: Inheritance,
        stack: AsyncExitStack,
    ) -> None:
        """Execute what is pending, and do for others what they ask for meanwhile."""
        assert self._guests is not None
        engine, table, guests = runner.engine, self._table, self._guests
        taken = [job.id for job in inheritance.jobs.values()]
        submission = Submission(binder, table, engine)
        feed = Feed(self._reader, submission, table, engine, taken, self._execution.only, guests)
        guests.source = feed
        self._begin(runner, feed)
        self._limits.act(self._give_up, self.statistics.total_count)
        self._watch_time(stack)
        self._occasions = Occasions(writer, self._reader, self._recorder, table, self._execution)

        async def get_desk() -> Desk:
            return desk

        self._attendant = Attendant(self.directory, engine, get_desk, self._turn)
        await stack.enter_async_context(self._attendant.attending())
        host = Host(writer, self._reader, desk, self._turn, guests, self._look_anew)
        await stack.enter_async_context(host.at_home())
        await self._see_runs_through(engine, guests)

    async def _execute_claimed(
        self, pen: GuestPen, runner: PooledRunner, binder: Binder, desk: Desk, stack: AsyncExitStack
    ) -> None:
        """Execute, as a guest, what the driver of the study gives it."""
        engine = runner.engine
        feed = GuestFeed(self._reader, binder, self._table, engine, self._recorder.forgive)
        self._begin(runner, feed)
        self._watch_time(stack)
        await stack.enter_async_context(Visit(pen, self._reader, feed, engine, desk, self).under_way())
        await self._see_claimed_runs_through(engine)

    def _make_runner(self) -> PooledRunner:
        make = self._execution.make_runner
        how = self._execution
        if make:
            return make()
        return ParallelLocalRunner(how.max_concurrency, counts_small=how.counts_small, agents=how.parallelism)

    async def _tenure(self, pen: Pen, recorder: Recorder, inheritance: Inheritance) -> Tenure:
        spools = await anyio.to_thread.run_sync(_spool_directory, self.directory)
        return Tenure(
            epoch=pen.epoch,
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
        interrupts = CURRENT.get()
        if interrupts is not None:
            interrupts.begin(_Alone(self), self)
        if self._is_unwanted or self._is_halted:
            self.halt("stop")
        elif self._execution.drains or self._is_draining:
            self.drain()

    async def _see_runs_through(self, engine: Engine, guests: Guests) -> None:
        """Take runs in and wait until they have ended; on return, however it comes, none is under way here.

        Raises:
            LooksAgain: What still runs is to be taken over anew.
        """
        async with self._ending_runs():
            await self._occasions.prepare()
            guests.is_prepared = True
            while True:
                await self._feed.run()
                await engine.settled(self._table)
                await self._feed.guests_ended()
                if not self._feed.has_more:
                    await self._attendant.answer()  # what has come meanwhile may bring more
                if not self._feed.has_more and not await self._has_more_after_errands():
                    break
            if isinstance(engine.failure, LooksAgain):
                raise engine.failure

    async def _see_claimed_runs_through(self, engine: Engine) -> None:
        """Do the same as a guest, with runs that the driver of the study has given it."""
        async with self._ending_runs():
            while True:
                await self._feed.run()
                await engine.settled(self._table)
                try:
                    await self._recorder.flush()
                except LeaseError:
                    if engine.failure is None:
                        raise
                if engine.failure is not None:
                    raise engine.failure
                if self._feed.is_over:
                    break

    @asynccontextmanager
    async def _ending_runs(self) -> AsyncIterator[None]:
        """End what runs if the block does before its time."""
        try:
            yield
        except LooksAgain:
            raise
        except AgentError:
            await self._end(Cause.AGENT_LOST)
            raise
        except BaseException:
            await self._end(Cause.CANCELLED)
            raise

    async def _has_more_after_errands(self) -> bool:
        """Do what is to be done when nothing is pending any more; tell whether there are runs again after that."""
        if self.reason or self._is_halted or self.is_out_of_time:
            return False
        # A hook that asked for the end is called, as `is_stopped` is its own doing.
        if not await self._occasions.complete(calls_hook=lambda: self._is_finishing or not self._feed.is_stopped):
            return False
        await self._attendant.answer()
        return self._feed.has_more

    async def _end(self, cause: Cause) -> None:
        self._feed.stop()
        self._recorder.is_stopping = True
        await self._runner.end_study(self._table, cause)

    # Guests, and being one

    def _look_anew(self) -> None:
        """Let go of the agents, and take them over again, with those of a guest that has died."""
        if not self._is_halted and (self._guests is None or self._guests.are_expected):
            self._recorder.ignore()  # at once: what is not heard must not be acknowledged
            self._runner.engine.leave_agents(LooksAgain())

    @property
    def is_ready(self) -> bool:
        """See `visit.Heir`."""
        return not self._is_halted and self._heritage is None

    def inherit(self, writer: Writer, lease: AsyncExitStack) -> None:
        """See `visit.Heir`."""
        self._heritage = writer, lease
        self._look_anew()

    def leave_guests(self) -> None:
        """Do not wait for guests: one of them goes on with the study."""
        if self._guests is not None:
            self._guests.are_expected = False
            self._feed.wake()

    # Commands

    async def kill(self, runs: Sequence[int], how: str) -> set[int]:
        """End these runs for good; see `commands.Live`."""
        self._feed.withdraw(runs)
        return await self._recorder.kill(self._runner.engine, runs, how)

    def count_killed(self, runs: Sequence[StoredRun]) -> None:
        """Take in that these runs are killed; see `commands.Live`."""
        if self._guests is None:
            return  # a guest counts what it has taken
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
            self.statistics.move(COUNTS_AS[run.status], "pending")
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
        self._count_end(event.run, status)

    def _hear_guest_end(self, run: int, status: RunStatus) -> None:
        """Count a run that has ended at a guest."""
        self._recorder.ended_count += 1
        self._count_end(run, status)

    def _count_end(self, run: int, status: RunStatus) -> None:
        self._limits.count(run, status, self.statistics.total_count)

    # Ending it

    def _make_deadline(self) -> Deadline | None:
        after_s = self._execution.deadline_s
        return None if after_s is None else Deadline(time.monotonic() + after_s)

    def _watch_time(self, stack: AsyncExitStack) -> None:
        """End what runs when the time is over; note when a run is not started for want of time."""
        deadline = self._deadline
        if deadline is None:
            return

        def end() -> None:
            self.is_out_of_time = True
            self.leave_guests()
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
        assert self._guests is not None
        if halt.when == "now":
            self._guests.tell("stop", how="stop")
            self.halt("stop")
        else:
            self._guests.tell("drain")
            self.drain()

    def finish(self) -> None:
        """Start nothing more, as a hook has asked; when nothing runs any more, call `post_ensemble`, and end."""
        self._is_finishing = True
        self.drain()

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""
        self._is_draining = True
        self._feed.stop()
        self._recorder.is_stopping = True
        if self._runner.is_running:
            self._runner.engine.skip_waiting(lambda job: job.table is self._table)
        return self.statistics.running_count

    def end(self, how: str) -> None:
        """End soon, on a signal: what runs is ended, and is to be started again."""
        if self._is_at_work:
            self.leave_guests()
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


class _Alone:
    """A driver as far as Ctrl-C is concerned: its guests go on.

    Args:
        driver: It.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def drain(self) -> int:
        """See `Driver.drain`."""
        self._driver.leave_guests()
        return self._driver.drain()

    def halt(self, how: str) -> int:
        """See `Driver.halt`."""
        self._driver.leave_guests()
        return self._driver.halt(how)


def _statistics(counts: dict[StoredStatus, int]) -> RunStatistics:
    statistics = RunStatistics()
    for status, count in counts.items():
        statistics.add(COUNTS_AS[status], count)
    return statistics


def _note_settled(pen: GuestPen, recorder: Recorder, engine: Engine) -> None:
    """Note whether a guest has nothing to say any more, and leaves nothing behind."""
    pen.is_settled = recorder.is_up_to_date and engine.leaves_nothing


def _spool_directory(directory: str) -> str | None:
    """Return where spools are kept: beside the record, unless that is on a disk that machines share."""
    private = make_private_directory(directory)
    return None if is_shared(private) else private
