"""One study on a runner with agents, from its directory to its last run."""

from __future__ import annotations

import operator
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import anyio.to_thread

from runsemble.closing import see_through
from runsemble.errors import AgentError, FeedError, RequestError, UsageError
from runsemble.model import events
from runsemble.model.params import own_of
from runsemble.model.resources import Request
from runsemble.model.status import Cause
from runsemble.runners.engine import Engine
from runsemble.runners.intake import Intake
from runsemble.runners.interrupts import CURRENT
from runsemble.runners.job import Job, Plan
from runsemble.runners.job_maker import JobMaker
from runsemble.runners.options import StudyOptions
from runsemble.runners.order import RunOrder
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import Showing, show_progress
from runsemble.runners.run import Run
from runsemble.runners.study import Study
from runsemble.runners.table import RunTable
from runsemble.sched.policy import Tally
from runsemble.sched.retry import RetryPolicy
from runsemble.workdir.layout import RunDirectories, current_directory


class Recorder(Protocol):
    """What a study tells whoever records it."""

    is_stopping: bool  #: what is ended now is to be started again by whoever resumes the study


class Resumed(Protocol):
    """A study that has been under way before."""

    def make_job(self, index: int, params: Any) -> Job | None:
        """Return the job for a parameter set; None if its run has ended before, which the table holds then."""


class UnderWay(Protocol):
    """A study while it is under way, as others may change it."""

    order: RunOrder  #: its runs

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is to be started."""

    def new_plan(self, request: Request, fields: dict[str, Any], retry: RetryPolicy) -> Plan:
        """Return a plan for further runs."""

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs; return how many runs there are to end."""

    def take_more(self, count: int) -> None:
        """Take in that there are more runs than parameter sets."""

    def forget_end(self, run: int) -> None:
        """Take in that a run is executed again."""


class Attendance(Protocol):
    """Whoever carries out what other processes ask for."""

    async def answer(self) -> None:
        """Carry out what has come by now."""


class Recorded(NamedTuple):
    """A study whose runs are recorded."""

    recorder: Recorder
    study: Study  #: as it is carried out
    #: lets other processes change it while the context lasts
    attend: Callable[[UnderWay], AbstractAsyncContextManager[Attendance]]
    resume: Callable[[Callable[..., Job], RunOrder], Resumed] | None = None  #: goes on with it, if it is not new


#: Records a study's runs while the context lasts.
Recording: TypeAlias = Callable[[Study, RunTable, Engine], AbstractAsyncContextManager[Recorded]]


class PooledStudy:
    """A study under way on a runner with agents.

    Args:
        runner: Where it runs.
        options: What it is.
        record: Keeps a record of it, from when its directory has been made until all its runs have ended.
        directories: Of a study that has been under way before; None: it is new.
        base: What sets the numbers of its runs apart from those of other studies; a new one when None.
    """

    def __init__(
        self,
        runner: PooledRunner,
        options: StudyOptions,
        record: Recording,
        directories: RunDirectories | None = None,
        base: int | None = None,
    ) -> None:
        self._runner = runner
        self._options = options
        self._record = record
        self._directories = directories
        self._base = base
        self._recorder: Recorder | None = None
        self._tally = Tally()  #: of the runs that have ended in this execution

    async def run(
        self,
        runs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        showing: Showing,
        on_end: Callable[[Run], None] | None = None,
        on_begin: Callable[[MultirunResult], None] | None = None,
    ) -> MultirunResult:
        """Carry the study out; see `multirun`.

        Args:
            runs: The parameter sets.
            showing: What is shown of it.
            on_end: Called with every run that has ended.
            on_begin: Called with the result before the first run is taken in.
        """
        request = self._options.request
        study = await anyio.to_thread.run_sync(Study, self._options, current_directory(), self._directories)
        async with AsyncExitStack() as stack:
            engine = await self._runner.enter(request)
            stack.push_async_callback(self._runner.leave)
            problem = engine.pool.why_never(request.shape)
            if problem:
                raise RequestError(problem)
            table = self._table = self._runner.new_table(self._base)
            stack.callback(self._runner.end_table, table)
            table.keep = self._options.keep
            if self._directories is None:
                stack.push_async_exit(partial(_discard_untouched, study, table))
                await see_through(anyio.to_thread.run_sync(study.make), study.give_up)
            table.output_path = study.output_path
            if study.has_calls:
                await engine.enable_calls()
            recorded = await stack.enter_async_context(self._record(study, table, engine))
            self._recorder = recorded.recorder
            make, self.order = self._job_maker(recorded.study), RunOrder(table.next_id)
            make_job: Callable[[int, Any], Job | None] = partial(_make_next, make, self.order)
            if recorded.resume is not None:
                make_job = recorded.resume(make, self.order).make_job
            result = self._result = MultirunResult(table, study.output_path, self.order)
            self._total = _length(runs)
            if on_begin is not None:
                on_begin(result)
            if showing.shows_bar:
                pool = engine.pool
                bar = show_progress(table, self._runner.bus, self._total, lambda: pool.usage, showing)
                await stack.enter_async_context(bar)
            self._intake = Intake(runs, make_job, table, engine)
            if on_end is not None:
                table.bus.listen(_ends(table, on_end), events.RunEnded)
            if self._options.abort.halts:
                table.bus.listen(self._watch, events.RunEnded)
            interrupts = CURRENT.get()
            if interrupts is not None:
                interrupts.begin(self, result)
            attendance = await stack.enter_async_context(recorded.attend(self))
            await self._see_runs_through(engine, attendance)
        return result

    async def _see_runs_through(self, engine: Engine, attendance: Attendance) -> None:
        """Take all runs in, and wait until they have ended; on return, however it comes, none is under way."""
        try:
            await self._intake.run()
            self._total = self._table.statistics.total_count
            await engine.settled(self._table)
            await attendance.answer()  # what has come meanwhile may bring more
            while self._table.active_count:
                await engine.settled(self._table)
                await attendance.answer()
        except (FeedError, UsageError) as error:
            await self._end(Cause.ABORTED)
            error.result = self._result
            raise
        except AgentError as error:
            await self._end(Cause.AGENT_LOST)
            error.result = self._result
            raise
        except BaseException:
            await self._end(Cause.CANCELLED)
            raise

    def new_plan(self, request: Request, fields: dict[str, Any], retry: RetryPolicy) -> Plan:
        """Return a plan for runs of this study."""
        # Runs sent ahead may start after the one that decides; a study that is to stop there sends none.
        return self._runner.new_plan(request, fields, retry, is_sent_ahead=not self._options.abort.halts)

    def _job_maker(self, study: Study) -> Callable[..., Job]:
        new_plan = partial(self.new_plan, retry=self._options.retry)
        maker = JobMaker(study, self._table, new_plan, "own" if self._directories is not None else None)

        def make(index: int, params: Any, directory: str | None = None) -> Job:
            job = maker.make(study.prepare(index, params, directory=directory))
            job.own = own_of(params)
            return job

        return make

    def _watch(self, event: events.Event) -> None:
        """Give the study up when it has come to what `halt` or `max_failures` says."""
        assert isinstance(event, events.RunEnded)
        self._tally.count(event.run, event.status)
        stats, before = self._tally.statistics, self._result.halted
        is_decided = self._intake.is_stopped if before is None else before.when == "now"
        if is_decided:
            return
        halt = self._options.abort.verdict(stats, self._total)
        if halt is None or halt == before:
            return
        self._result.halted = halt
        reason = halt.reason(stats)
        self.drain()
        if halt.when == "now":
            self._runner.stop(self._table, Cause.ABORTED)
        self._table.bus.publish(events.Aborted(reason))

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is to be started."""
        return self._intake.is_stopped

    def forget_end(self, run: int) -> None:
        """Take in that a run is executed again."""
        self._tally.forget(run)

    def take_more(self, count: int) -> None:
        """Take in that others have added runs."""
        if self._total is not None:
            self._total += count
            self._table.bus.publish(events.FeedEnded(self._total))

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""
        self._intake.stop()
        if self._recorder is not None:
            self._recorder.is_stopping = True
        if self._runner.is_running:
            self._runner.engine.skip_waiting(lambda job: job.table is self._table)
        return self._table.statistics.running_count

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs ("stop" or "kill"); return how many runs there are to end."""
        self._intake.stop()
        self._intake.is_given_up = True
        if self._recorder is not None:
            self._recorder.is_stopping = True
        if self._runner.is_running:
            self._runner.stop(self._table, Cause.KILLED, how)
        return self._table.statistics.running_count

    async def _end(self, cause: Cause) -> None:
        """End every run of this study, and wait until they have ended; bounded, and not cut short."""
        self._intake.stop()
        await self._runner.end_study(self._table, cause)


async def _discard_untouched(
    study: Study, table: RunTable, kind: type[BaseException] | None, error: BaseException | None, trace: Any
) -> None:
    """After an error, remove the directory of a study of which nothing was ever started."""
    if error is not None and table.is_untouched:
        await see_through(anyio.to_thread.run_sync(study.discard))


def _make_next(make: Callable[..., Job], order: RunOrder, _: int, params: Any) -> Job:
    """Return the job for the next parameter set of a new study."""
    job = make(order.next_id, params)
    order.append(job.id)
    return job


def _ends(table: RunTable, on_end: Callable[[Run], None]) -> Callable[[events.Event], None]:
    def hear(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            on_end(table[event.run])

    return hear


def _length(runs: object) -> int | None:
    """Return how many parameter sets there will be, None if nobody knows."""
    count = operator.length_hint(runs, -1)
    return count if count >= 0 else None
