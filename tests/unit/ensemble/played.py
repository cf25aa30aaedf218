"""Plays what an engine does with runs, so that a recorder hears of it in the same words and the same order."""

from __future__ import annotations

from typing import Any

from runsemble.model import events
from runsemble.model.resources import Shape
from runsemble.model.result import Usage, describe_end
from runsemble.model.status import Cause
from runsemble.runners.job import End, Job, JobStep, Plan
from runsemble.runners.table import RunTable
from runsemble.sched.machine import Verdict
from runsemble.sched.retry import RetryPolicy
from runsemble.store.records import NewRun

USAGE = Usage(1.5, 0.5, 0.25, 4096, 1024)


def new_run(job: Job) -> NewRun:
    """Return what a run is taken into the store as."""
    return NewRun(job.id, 1, job.params_text)


class Player:
    """The runs of a table, taken from one state to the next.

    Args:
        retries: How often a run is tried again.
        steps: How many each has.
    """

    def __init__(self, retries: int = 1, steps: int = 1) -> None:
        self.table = RunTable()
        self.plan = Plan(1, {"timeout_s": None, "mem_mib": 0}, Shape(1), 1, "files", RetryPolicy(retries=retries))
        self._steps = steps

    def add(self, count: int = 1) -> list[Job]:
        """Take in further runs."""
        jobs = []
        for _ in range(count):
            job = Job(self.table, self.plan, ["true"], f"/out/{len(self.table)}", '{"x": 1}', {})
            if self._steps > 1:
                job.steps = [JobStep(self.plan, ["true"], {})] * self._steps
            self.table.add(job)
            job.is_submitted = True
            self.table.active_count += 1
            self.table.bus.publish(events.RunAdded(job.id))
            jobs.append(job)
        return jobs

    def start(self, job: Job) -> bool:
        """Start the next step of a run; False if none waits."""
        attempt, step = job.machine.attempt, job.machine.step
        if not job.machine.start(attempt, step):
            return False
        self.table.statistics.move("pending", "running")
        self.table.bus.publish(events.RunStarted(job.id, attempt, "here", 77, (0, 1), ("GPU-a",), 99.5, step))
        return True

    def end(self, job: Job, cause: Cause = Cause.OK, code: int | None = 0, result: Any = None) -> Verdict:
        """End the step of a run that waits or runs."""
        machine = job.machine
        before, attempt, step = machine.status, machine.attempt, machine.step
        job.message = describe_end(cause, code, None)
        verdict = machine.end(attempt, cause, job.plan.retry, step, has_next=job.has_next_step, returncode=code)
        if machine.status != before:
            self.table.statistics.move(before, machine.status)
        job.last = End(code, USAGE if code is not None else None, result, "the tail")
        self.table.bus.publish(events.AttemptEnded(job.id, attempt, cause, code, job.message, step, 99.5))
        if verdict is Verdict.DONE:
            self._over(job)
        else:
            job.enter_step(machine.step)
        return verdict

    def skip(self, job: Job, cause: Cause = Cause.ABORTED) -> None:
        """Let a run be executed no more."""
        before = job.machine.status
        if job.machine.skip(cause):
            self.table.statistics.move(before, job.machine.status)
            self._over(job)

    def _over(self, job: Job) -> None:
        self.table.end(job)
        assert job.machine.cause is not None
        self.table.bus.publish(events.RunEnded(job.id, job.machine.status, job.machine.cause))
