"""The runner behind every runner with agents: its life, its runs, its end."""

from __future__ import annotations

import asyncio
import os
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import anyio

from runsemble.errors import AgentError, RequestError, RunnerClosed, UsageError
from runsemble.launch.argv import check_command, resolve_program
from runsemble.launch.environment import base_environment
from runsemble.model.events import Event
from runsemble.model.files import OutputMode, require_output_mode
from runsemble.model.resources import Request, accounted_memory
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause
from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.bus import EventBus
from runsemble.runners.closing import see_through
from runsemble.runners.engine import Engine
from runsemble.runners.grants import ResourcePool
from runsemble.runners.table import Job, Plan, Run, RunTable, plan_fields
from runsemble.sched.policy import RetryPolicy

#: What happens to processes that outlive their run.
Survivors = Literal["kill", "leave"]

#: Seconds beyond the grace period within which everything that was killed must be gone.
END_S = 10.0


class PooledRunner(AbstractRunner):
    """A runner that starts runs through agents, within what its pool can grant.

    Use it as ``async with runner:`` to keep its agents between studies, or hand it to `multirun`, or `add` runs and
    `gather` them: then the agents live as long as there is something to run. Leaving the block ends whatever still
    runs.
    """

    def __init__(self, *, grace_s: float = 5.0, survivors: Survivors = "kill") -> None:
        self.bus = EventBus()
        self.runs = RunTable(self.bus)  #: the runs taken in by `add`
        self._grace_s = require_grace(grace_s)
        self._survivors = survivors
        if survivors not in get_args(Survivors):
            raise UsageError(f"survivors must be 'kill' or 'leave', not {survivors!r}")
        self._tables: list[RunTable] = [self.runs]
        self._past = RunStatistics()
        self._backlog: list[Job] = []  #: added while nothing could be started
        self._plans: dict[Any, Plan] = {}
        self._numbers = 0
        self._engine: Engine | None = None
        self._opening: asyncio.Lock | None = None
        self._users = 0

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
        await self.enter(self._widest_request())
        self._submit_backlog()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs, then the agents."""
        await self.leave()

    async def enter(self, request: Request | None = None) -> Engine:
        """Count one more user of the engine, and open it for the first.

        Raises:
            AgentError: The agent could not be started.
        """
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._engine is None:
                self._engine = await self._open_engine(request)
            engine = self._engine
            self._users += 1
        try:
            if request is not None:
                await self._prepare_for(engine, request)
        except BaseException:
            await self.leave()
            raise
        return engine

    async def _open_engine(self, request: Request | None) -> Engine:
        engine = await self._make_engine(request)
        try:
            await engine.open()
        except BaseExceptionGroup as group:
            await self._shut(engine)
            raise group.exceptions[0] from None
        except BaseException:
            await self._shut(engine)
            raise
        return engine

    async def leave(self) -> None:
        """Count one user less; after the last one, end what still runs, then the agents. Bounded, never cut short."""
        self._users -= 1
        if self._users:
            return
        engine, self._engine = self._engine, None
        if engine is not None:
            await self._shut(engine)

    async def _shut(self, engine: Engine) -> None:
        await see_through(self._shut_down(engine))

    async def _shut_down(self, engine: Engine) -> None:
        try:
            for table in list(self._tables):
                await self._end_table(engine, table, Cause.CANCELLED)
            await engine.close("kill")
        finally:
            self._release_engine()
            self.bus.end_subscriptions()

    async def _end_table(self, engine: Engine, table: RunTable, cause: Cause, how: str = "stop") -> None:
        self._stop(engine, table, cause, how)
        with anyio.move_on_after(self._grace_s + END_S), suppress(AgentError):
            await engine.settled(table)
        for job in table.jobs:
            if job.is_submitted:
                engine.abandon(job)

    @property
    def engine(self) -> Engine:
        """The engine of an entered runner.

        Raises:
            RunnerClosed: Nobody has entered it.
        """
        if self._engine is None:
            raise RunnerClosed("the runner is not running: use `async with runner:` around this")
        return self._engine

    # Runs

    def add(
        self,
        cmd: Sequence[str],
        cwd: str | os.PathLike[str] = Path("."),
        *,
        cores: int = 1,
        gpus: int = 0,
        mem_mib: int | None = None,
        named: Mapping[str, int] | None = None,
        timeout_s: float | None = None,
        retries: int = 0,
        env: Mapping[str, str] | None = None,
        output: OutputMode = "tail",
    ) -> Run:
        """Take in a run of `cmd` in the existing directory `cwd`; return it at once, pending.

        It starts when its turn has come: at once in an entered runner, else with `gather`.

        Args:
            cmd: Program and arguments, taken as they are.
            cwd: Where it runs.
            cores: Cores it needs.
            gpus: GPUs it needs.
            mem_mib: Memory it needs, in MiB; it is ended when it uses more. None: not accounted.
            named: Counters of the runner's that it needs, such as licences.
            timeout_s: Seconds after which an attempt is ended; None: never.
            retries: Further attempts after a failure.
            env: Variables to add to the environment.
            output: What becomes of its output; the directory may not be the run's own, so only a tail is kept.

        Raises:
            UsageError: With a sentence that says what is wrong.
        """
        request = Request(cores=cores, gpus=gpus, mem_mib=accounted_memory(mem_mib), named=dict(named or {}))
        key = (request.shape, timeout_s, retries, output)
        plan = self._plans.get(key)
        base = base_environment(os.environ)
        if plan is None or plan.fields["env"] != base:
            fields = plan_fields(base, "existing", output, [], timeout_s, request.mem_mib)
            plan = self._plans[key] = self.new_plan(request, fields, retries)
        argv = check_command(cmd)
        argv[0] = resolve_program(argv[0], os.getcwd(), set())
        directory = os.path.abspath(os.fspath(cwd))
        job = Job(self.runs, self.next_number(), plan, argv, directory, "", {**(env or {})})
        if self._engine is not None:
            problem = self._engine.pool.why_never(plan.shape)
            if problem:
                raise RequestError(problem)
        self.runs.add(job)
        self._backlog.append(job)
        self._submit_backlog()
        return self.runs[job.id]

    async def gather(self) -> None:
        """Wait until every run added so far, or meanwhile, has ended; how they ended is no exception.

        Raises:
            RequestError: A run asks for more than the machine has; that run is skipped, none is started.
            AgentError: The agent could not be started, or kept alive.
        """
        engine = await self.enter(self._widest_request())
        try:
            problem = self._submit_backlog()
            if problem:
                raise RequestError(problem)
            await engine.settled(self.runs)
        finally:
            await self.leave()

    def _widest_request(self) -> Request:
        """Return a request for what has to be looked for before the added runs can start."""
        return Request(gpus=max((job.plan.shape.gpus for job in self._backlog), default=0))

    def _submit_backlog(self) -> str | None:
        """Hand the added runs to a running engine; return what is wrong with one that can never be granted.

        Such a run is skipped, and the others stay where they are.
        """
        if self._engine is None:
            return None
        for job in self._backlog:
            problem = self._engine.pool.why_never(job.plan.shape)
            if problem:
                self._backlog.remove(job)
                _skip_unsubmitted(job, problem)
                return problem
        jobs, self._backlog = self._backlog, []
        for job in jobs:
            self._engine.submit(job)
        self._engine.pump()
        return None

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

    def cancel(self, run: Run, *, how: str = "stop") -> None:
        """End a run on the user's request; without effect if it has ended. `how`: "stop" (TERM first) or "kill"."""
        job = run.job
        if job is None:
            return
        if job.is_submitted and self._engine is not None:
            self._engine.cancel(job, Cause.KILLED, how)
        elif job in self._backlog:
            self._backlog.remove(job)
            _skip_unsubmitted(job, "not run")

    # The pool

    @property
    def pool(self) -> ResourcePool:
        """The awaitable face of what this runner may use."""
        return ResourcePool(self)

    # For studies

    def new_table(self) -> RunTable:
        """Return a table for another study on this runner."""
        table = RunTable(self.bus)
        self._tables.append(table)
        return table

    def end_table(self, table: RunTable) -> None:
        """Keep no more of a study that is over than its numbers."""
        self._tables.remove(table)
        self._past += table.statistics

    def next_number(self) -> int:
        """Return a number that no run of this runner has had."""
        self._numbers += 1
        return self._numbers

    def new_plan(self, request: Request, fields: dict[str, Any], retries: int) -> Plan:
        """Return a plan with a number that no plan of this runner has had."""
        self._numbers += 1
        return Plan(
            self._numbers,
            fields,
            request.shape,
            request.tasks,
            require_output_mode(fields["output"]),
            RetryPolicy(retries=retries),
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


def _skip_unsubmitted(job: Job, message: str) -> None:
    """Skip a run that the engine has never heard of."""
    job.message = message
    job.machine.skip(Cause.ABORTED)
    job.table.statistics.move("pending", "skipped")
    job.table.end(job)


def require_grace(grace_s: float) -> float:
    """Return a grace period that makes sense.

    Raises:
        RequestError: It is negative.
    """
    if not grace_s >= 0:
        raise RequestError(f"grace_s must be a number of seconds of at least 0, not {grace_s!r}")
    return grace_s
