"""The runner behind every runner with agents: its life, its runs, its end."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import anyio

from runsemble.closing import see_through
from runsemble.errors import AgentError, RequestError, RunnerClosed, UsageError
from runsemble.launch.argv import check_command
from runsemble.model.events import Event
from runsemble.model.files import FileResource, OutputMode, TemplateFile
from runsemble.model.resources import Request, accounted_memory
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause
from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.additions import Additions
from runsemble.runners.bus import EventBus
from runsemble.runners.engine import Engine
from runsemble.runners.grants import ResourcePool
from runsemble.runners.heirs import FIRST_TENURE
from runsemble.runners.job import Plan
from runsemble.runners.life import Life
from runsemble.runners.options import Retries, StudyOptions, retry_policy
from runsemble.runners.run import Run
from runsemble.runners.steering import Cancellation, Metrics, Steering, select
from runsemble.runners.table import Rows, RunTable
from runsemble.sched.deadline import Deadline
from runsemble.sched.retry import RetryPolicy

#: What happens to processes that outlive their run.
Survivors = Literal["kill", "leave"]

#: A study has fewer runs than this.
BASE_STEP = 1 << 32

#: Seconds beyond the grace period within which everything that was killed must be gone.
END_S = 10.0


class PooledRunner(AbstractRunner):
    """A runner that starts runs through agents, within what its pool can grant.

    Use it as ``async with runner:`` to keep its agents between studies, or hand it to `multirun`, or `add` runs and
    `gather` them: then the agents live as long as there is something to run. Leaving the block ends whatever still
    runs.
    """

    def __init__(
        self,
        *,
        grace_s: float = 5.0,
        survivors: Survivors = "kill",
        output_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.bus = EventBus()
        self._additions = Additions(self, output_path)
        self.runs = self._additions.table  #: the runs taken in by `add`
        self._steering = Steering(self, self.bus)
        self._grace_s = require_grace(grace_s)
        self._survivors = survivors
        if survivors not in get_args(Survivors):
            raise UsageError(f"survivors must be 'kill' or 'leave', not {survivors!r}")
        self._tables: list[RunTable] = [self.runs]
        self._past = RunStatistics()
        self.tenure = FIRST_TENURE  #: what the next engine takes over; to be set before it is opened
        self._plans = 0
        self._bases = 0
        self._life = Life(self._open_engine, self._close_engine)

    @abstractmethod
    async def _make_engine(self, request: Request | None) -> Engine:
        """Return a new engine, not yet open, that can say whether `request` fits."""

    async def _prepare_for(self, engine: Engine, request: Request) -> None:
        """Look for what `request` needs and nobody has asked for before."""

    def _release_engine(self) -> None:
        """Give up what `_make_engine` had claimed."""

    # Life

    async def __aenter__(self) -> Self:
        """Start the agents, unless they run already, and the runs that were added before."""
        await self._host(Request(gpus=1))  # what will be added later may want one: look for them now
        self._submit_additions()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, then the agents."""
        await self._unhost()

    async def _host(self, request: Request) -> Engine:
        """Use the engine, and let added runs start as long as there is one who does this."""
        self._life.claim()
        try:
            return await self.enter(request)
        except BaseException:
            await self._unclaim()
            raise

    async def _unhost(self) -> None:
        """Undo `_host`. Bounded, and never cut short."""
        try:
            await self._unclaim()
        finally:
            await self.leave()

    async def _unclaim(self) -> None:
        """Count one host less; after the last one, end the added runs."""
        self._life.hosts -= 1
        if not self._life.hosts:
            await see_through(self._end_additions())

    async def _end_additions(self) -> None:
        async with self._life.turn():
            if not self._life.hosts and self._life.engine is not None:
                await self._additions.close()
                await self._end_table(self._life.engine, self.runs, Cause.CANCELLED)

    async def enter(self, request: Request | None = None) -> Engine:
        """Count one more user of the engine, and open it for the first.

        Raises:
            AgentError: The agent could not be started.
            UsageError: The runner is in use in another event loop.
        """
        engine = await self._life.enter(request)
        try:
            if request is not None:
                async with self._life.turn():
                    await self._prepare_for(engine, request)
        except BaseException:
            await self.leave()
            raise
        return engine

    async def leave(self) -> None:
        """Count one user less; after the last one, end what still runs, then the agents. Bounded, never cut short."""
        await self._life.leave()

    async def _open_engine(self, request: Request | None) -> Engine:
        engine = await self._make_engine(request)
        engine.room_listeners.append(self._steering.wake)
        try:
            await engine.open()
        except BaseExceptionGroup as group:
            await see_through(self._close_engine(engine))
            raise group.exceptions[0] from None
        except BaseException:
            await see_through(self._close_engine(engine))
            raise
        return engine

    async def _close_engine(self, engine: Engine) -> None:
        try:
            for table in self._tables[1:]:
                await self._end_table(engine, table, Cause.CANCELLED)
            await engine.close("kill")
        finally:
            self._release_engine()
            self.bus.end_subscriptions()
            self._steering.wake()

    async def _end_table(self, engine: Engine, table: RunTable, cause: Cause, how: str = "stop") -> None:
        self._stop(engine, table, cause, how)
        with anyio.move_on_after(self._grace_s + END_S), suppress(AgentError):
            await engine.settled(table)
        for job in table.jobs:
            if job.is_submitted:
                engine.abandon(job)

    @property
    def is_running(self) -> bool:
        """Whether there are agents, for whoever uses it: one who has entered it or gathers, a study, a block."""
        return self._life.engine is not None

    @property
    def is_hosted(self) -> bool:
        """Whether runs that are added start without a further call."""
        return self._life.hosts > 0

    @property
    def engine(self) -> Engine:
        """The engine of an entered runner.

        Raises:
            RunnerClosed: Nobody has entered it.
        """
        if self._life.engine is None:
            raise RunnerClosed("the runner is not running: use `async with runner:` around this")
        return self._life.engine

    # Runs

    def add(
        self,
        cmd: Sequence[str],
        cwd: str | os.PathLike[str] = Path("."),
        *,
        params: Mapping[str, Any] | None = None,
        input_files: Iterable[FileResource | str | os.PathLike[str]] = (),
        templates: Iterable[TemplateFile | str | os.PathLike[str]] = (),
        cores: int = 1,
        gpus: int = 0,
        mem_mib: int | None = None,
        named: Mapping[str, int] | None = None,
        timeout_s: float | None = None,
        retries: Retries = 0,
        env: Mapping[str, str] | None = None,
        output: OutputMode | None = None,
    ) -> Run:
        """Take in a run; return it at once, pending.

        It starts when its turn has come: at once in an entered runner, else with `gather`. With `params` it gets a
        new directory of its own in the runner's `output_path`, as a run of `multirun` does. Without, it runs in the
        existing directory `cwd`, and its command is taken as it is.

        Args:
            cmd: Program and arguments; with `params`, ``{name}`` in it stands for a parameter.
            cwd: Where a run without `params` runs.
            params: The parameter set.
            input_files: Files that its directory gets; only with `params`.
            templates: Text files that are filled in for it; only with `params`.
            cores: Cores it needs.
            gpus: GPUs it needs.
            mem_mib: Memory it needs, in MiB; it is ended when it uses more. None: not accounted.
            named: Counters of the runner's that it needs, such as licences.
            timeout_s: Seconds after which an attempt is ended; None: never.
            retries: Further attempts after a failure, see `multirun`.
            env: Variables to add to the environment.
            output: What becomes of its output, see `multirun`. None: files, where it has a directory of its own; else
                only the last 64 KiB are kept.

        Raises:
            UsageError: With a sentence that says what is wrong. What is wrong with a file is not known yet: then the
                run fails, with the cause ``staging``.
        """
        options = StudyOptions(
            cmd=check_command(cmd),
            input_files=_listed("input_files", input_files),
            templates=_listed("templates", templates),
            request=Request(cores=cores, gpus=gpus, mem_mib=accounted_memory(mem_mib), named=dict(named or {})),
            timeout_s=timeout_s,
            retry=retry_policy(retries),
            env=None if env is None else {**env},
            output=output or ("tail" if params is None else "files"),
            is_literal=params is None,
        )
        if params is not None and os.fspath(cwd) != ".":
            raise UsageError(f"a run with params gets a directory of its own, so leave out cwd={os.fspath(cwd)!r}")
        self._life.check_place()
        engine = self._life.engine
        if engine is not None:
            if engine.failure is not None:
                raise engine.failure
            problem = engine.pool.why_never(options.request.shape)
            if problem:
                raise RequestError(problem)
        run = self._additions.add(options, cwd, params)
        self._submit_additions()
        return run

    async def gather(self) -> None:
        """Wait until every run added so far, or meanwhile, has ended; how they ended is no exception.

        Raises:
            RequestError: A run asks for more than the machine has; that run is skipped, none is started.
            AgentError: The agent could not be started, or kept alive.
        """
        engine = await self._host(self._additions.widest_request)
        try:
            while True:
                problem = self._submit_additions(all_or_none=True)
                if problem:
                    raise RequestError(problem)
                await self._additions.prepared()
                await engine.settled(self.runs)
                if self._additions.are_handed_over:
                    break
        finally:
            await self._unhost()

    def _submit_additions(self, *, all_or_none: bool = False) -> str | None:
        """Hand the added runs to a running engine; return what is wrong with one that can never be granted."""
        engine = self._life.engine if self._life.hosts else None
        return None if engine is None else self._additions.hand_over(engine, all_or_none=all_or_none)

    def compute_statistics(self) -> RunStatistics:
        """Count all runs of this runner, those of studies included, by status."""
        return sum((table.statistics for table in self._tables), self._past)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on; see `runsemble.model.events`."""
        self.bus.listen(listener)

    async def events(self) -> AsyncIterator[Event]:
        """Yield every event from now on, until the runner is left."""
        subscription = self.bus.subscribe()
        try:
            async for event in subscription:
                yield event
        finally:
            self.bus.unsubscribe(subscription)

    # Steering

    def completed(self) -> AsyncGenerator[Run, None]:
        """Yield every run as it ends, good or bad, each once: those that were added, and those of studies meanwhile.

        Loops side by side share the runs out among them.

        It goes on as long as there may be more: it ends when no study on this runner is at work, nothing runs or
        waits, and the body of the loop has added nothing::

            async with ParallelLocalRunner() as runner:
                runner.add(["python", "-c", "..."], params={"x": 1})
                async for run in runner.completed():
                    ...  # look at run.result, add more

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        return self._steering.completed()

    def metrics(self) -> AsyncGenerator[Metrics, None]:
        """Yield the figures that runs report with `runsemble.report`, as they come, from the first iteration on.

        It ends when `completed` would, and nobody is at work in the body of a loop over `completed`.

        Raises:
            AgentError: The agents cannot be kept alive.
        """
        return self._steering.metrics()

    def cancel(self, which: Run | Iterable[Run] | Callable[[Run], bool], *, how: str = "stop") -> Cancellation:
        """End a run, several, or all that fulfil a condition, on the user's request.

        They are told at once; those that have ended stay as they are. Await what is returned to wait until the others
        have ended; that gives the list of them.

        Args:
            which: The run, runs, or a function that says of a run whether it is meant. Many at once are best ended
                in one call.
            how: "stop" (TERM first) or "kill".

        Raises:
            UsageError: It is no run, or none of this runner's.
        """
        if how not in ("stop", "kill"):
            raise UsageError(f"how must be 'stop' or 'kill', not {how!r}")
        self._life.check_place()
        cancellation = Cancellation(select(self._tables, which))
        jobs = [job for run in cancellation.runs if (job := run.job) is not None]
        if self._life.engine is not None:
            self._life.engine.cancel_all([job for job in jobs if job.is_submitted], Cause.KILLED, how)
        self._additions.withdraw({job for job in jobs if not job.is_submitted})
        return cancellation

    @property
    def tables(self) -> Sequence[RunTable]:
        """The runs that were added, then those of each study under way."""
        return self._tables

    @property
    def is_idle(self) -> bool:
        """Whether no run is under way or is going to be, and no study is at work."""
        is_dry = self._additions.are_handed_over or not self._life.hosts
        return len(self._tables) == 1 and not self.runs.active_count and is_dry

    @property
    def failure(self) -> Exception | None:
        """Why nothing more will happen, None while something can."""
        return None if self._life.engine is None else self._life.engine.failure

    # The pool

    @property
    def pool(self) -> ResourcePool:
        """The awaitable face of what this runner may use."""
        return ResourcePool(self)

    # For studies

    def new_table(self, base: int | None = None, rows: Rows | None = None) -> RunTable:
        """Return a table for another study on this runner.

        Args:
            base: What sets the numbers of its runs apart from those of other studies; a new one when None.
            rows: Where ended runs are kept.
        """
        self._bases += BASE_STEP
        table = RunTable(self.bus, self._bases if base is None else base, rows)
        self._tables.append(table)
        return table

    def end_table(self, table: RunTable) -> None:
        """Keep no more of a study that is over than its numbers."""
        self._tables.remove(table)
        self._steering.forget(table)
        self._past += table.statistics

    def new_plan(
        self,
        request: Request,
        fields: dict[str, Any],
        retry: RetryPolicy,
        *,
        deadline: Deadline | None = None,
        is_sent_ahead: bool = True,
    ) -> Plan:
        """Return a plan with a number that no plan of this runner has had."""
        self._plans += 1
        return Plan(
            self._plans,
            fields,
            request.shape,
            request.tasks,
            fields["output"],
            retry,
            deadline,
            is_sent_ahead and deadline is None,
            is_call=fields.get("call") is not None,
            is_whole=(fields.get("call") or {}).get("name") == "post_run",
        )

    def stop(self, table: RunTable, cause: Cause, how: str = "stop") -> None:
        """Skip what waits of a study and end what runs; it ends a little later."""
        self._stop(self.engine, table, cause, how)

    async def end_study(self, table: RunTable, cause: Cause) -> None:
        """End every run of a study; on return they have ended, or are stuck in the kernel."""
        await see_through(self._end_table(self.engine, table, cause))

    def _stop(self, engine: Engine, table: RunTable, cause: Cause, how: str) -> None:
        engine.skip_waiting(lambda job: job.table is table)
        for job in table.jobs:
            if job.is_submitted:
                engine.cancel(job, cause, how)


def _listed(name: str, files: Iterable[Any]) -> Any:
    """Return files as a tuple; what is no list of them is left as it is, to be refused.

    Raises:
        UsageError: One of them is no file.
    """
    if isinstance(files, (str, bytes, os.PathLike)) or not hasattr(files, "__iter__"):
        return files
    listed = tuple(files)
    for file in listed:
        if not isinstance(file, (str, os.PathLike, FileResource, TemplateFile)):
            raise UsageError(f"{name} must be paths, such as ['model.py'], not {file!r}")
    return listed


def require_grace(grace_s: Any) -> float:
    """Return a grace period that makes sense.

    Raises:
        RequestError: It is negative.
    """
    if not isinstance(grace_s, (int, float)) or not grace_s >= 0:
        raise RequestError(f"grace_s must be a number of seconds of at least 0, not {grace_s!r}")
    return grace_s
