"""Runs added to a runner one by one, from there to where an engine takes them over."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from runsemble.errors import UsageError
from runsemble.launch.argv import check_command, resolve_program
from runsemble.launch.environment import base_environment
from runsemble.model.events import RunAdded, RunEnded
from runsemble.model.params import WrittenParams, plain_params
from runsemble.model.resources import Request
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.engine import Engine
from runsemble.runners.job import Job, Plan, plan_fields
from runsemble.runners.options import StudyOptions
from runsemble.runners.run import Run
from runsemble.runners.table import RunTable
from runsemble.runners.workshop import Workshop
from runsemble.sched.retry import RetryPolicy
from runsemble.workdir.layout import current_directory


class Numbering(Protocol):
    """A runner, as far as it numbers what its agents are told."""

    bus: EventBus

    def new_plan(self, request: Request, fields: dict[str, Any], retry: RetryPolicy) -> Plan:
        """Return a plan with a number that no plan of this runner has had."""


class Additions:
    """Takes in runs, keeps them as long as nothing can be started, and hands them over.

    Args:
        runner: To which they are added.
        output_path: Where runs with parameters get their directories.
    """

    def __init__(self, runner: Numbering, output_path: str | os.PathLike[str] | None) -> None:
        self._runner = runner
        self.table = RunTable(runner.bus)
        self._workshop = Workshop(output_path, self._plan_of, self._on_ready, end_unsubmitted)
        self._backlog: list[Job] = []  #: ready, while nothing can be started
        self._engine: Engine | None = None  #: takes over what is ready
        self._plans: dict[Any, Plan] = {}

    @property
    def are_handed_over(self) -> bool:
        """Whether nothing waits here."""
        return not self._backlog and self._workshop.is_idle

    @property
    def widest_request(self) -> Request:
        """A request for what has to be looked for before the added runs can start."""
        waiting = [*self._backlog, *self._workshop.jobs]
        return Request(gpus=max((job.plan.shape.gpus for job in waiting), default=0))

    def add(self, options: StudyOptions, cwd: str | os.PathLike[str], params: Mapping[str, Any] | None) -> Run:
        """Take in a run; see `PooledRunner.add`.

        Raises:
            UsageError: With a sentence that says what is wrong.
        """
        plan, argv, env = self._plain_plan(options), check_command(options.cmd), {**(options.env or {})}
        if params is not None:
            return self._add_with_params(options, argv, plan, params)
        if options.input_files or options.templates:
            raise UsageError("input_files and templates are for runs with a directory of their own: give params, too")
        argv[0] = resolve_program(argv[0], current_directory(), set())
        job = Job(self.table, plan, argv, os.path.abspath(os.fspath(cwd)), "", env)
        self.table.add(job)
        self._backlog.append(job)
        return self.table[job.id]

    def _add_with_params(self, options: StudyOptions, argv: list[str], plan: Plan, params: Mapping[str, Any]) -> Run:
        plain, text = plain_params(params, len(self.table))
        kept = WrittenParams(plain, params.texts) if isinstance(params, WrittenParams) else plain
        job = Job(self.table, plan, argv, "", text, {})
        files = (*options.input_files, None, *options.templates, None, *sorted((options.env or {}).items()))
        self.table.add(job)
        try:
            self._workshop.order(job, (current_directory(), *files, plan.number), options, kept)
        except BaseException:
            self.table.drop_last(job)
            raise
        return self.table[job.id]

    def _plain_plan(self, options: StudyOptions) -> Plan:
        """Return the plan of runs in directories that exist; the same one for the same needs."""
        key = (options.request.shape, options.timeout_s, repr(options.retry), options.output)
        plan = self._plans.get(key)
        base = base_environment(os.environ)
        if plan is None or plan.fields["env"] != base:
            fields = plan_fields(base, "existing", options.output, [], options.timeout_s, options.request.mem_mib)
            plan = self._plans[key] = self._plan_of(options, fields)
        return plan

    def _plan_of(self, options: StudyOptions, fields: dict[str, Any]) -> Plan:
        return self._runner.new_plan(options.request, fields, options.retry)

    def _on_ready(self, job: Job) -> None:
        self._backlog.append(job)
        if self._engine is not None:
            self.hand_over(self._engine)

    def hand_over(self, engine: Engine, *, all_or_none: bool = False) -> str | None:
        """Hand what is ready to an engine, and from now on what becomes ready.

        A run that can never be granted is skipped.

        Args:
            engine: Takes over.
            all_or_none: When there is such a run, the others stay where they are.

        Returns:
            What is wrong with the first such run, None if there is none.
        """
        self._engine = engine
        self._workshop.start()
        jobs, self._backlog = self._backlog, []
        problems = [(job, problem) for job in jobs if (problem := engine.pool.why_never(job.plan.shape))]
        for job, problem in problems:
            end_unsubmitted(job, Cause.ABORTED, problem)
        ready = [job for job in jobs if not job.machine.is_over] if problems else jobs
        if problems and all_or_none:
            self._backlog = ready
            return problems[0][1]
        for job in ready:
            engine.submit(job)
        engine.pump()
        return problems[0][1] if problems else None

    def withdraw(self, jobs: Collection[Job]) -> None:
        """Skip runs that wait here."""
        meant = [job for job in self._backlog if job in jobs]
        self._backlog = [job for job in self._backlog if job not in jobs]
        for job in [*meant, *self._workshop.withdraw(jobs)]:
            end_unsubmitted(job, Cause.ABORTED, "not run")

    async def prepared(self) -> None:
        """Wait until everything added so far is ready, and handed over if there is an engine."""
        await self._workshop.finish()

    async def close(self) -> None:
        """Hand over nothing more; skip what was to be, and is still being prepared."""
        self._engine = None
        unprepared = set(self._workshop.jobs)
        await self._workshop.close()
        self.withdraw(unprepared)


def end_unsubmitted(job: Job, cause: Cause, message: str) -> None:
    """End a run that no engine has heard of: skipped if it is not wanted any more, else failed."""
    job.message = message
    if cause is Cause.ABORTED:
        job.machine.skip(cause)
    else:
        job.machine.end(job.machine.attempt, cause, RetryPolicy())
    job.table.statistics.move("pending", job.machine.status)
    job.table.end(job)
    job.table.bus.publish(RunAdded(job.id))
    job.table.bus.publish(RunEnded(job.id, job.machine.status, cause))
