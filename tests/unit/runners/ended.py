"""Runs that have ended, without anything having run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runsemble import codec
from runsemble.model import events
from runsemble.model.files import OutputMode
from runsemble.model.resources import Shape
from runsemble.model.result import Usage
from runsemble.model.status import Cause
from runsemble.runners.job import End, Job, Plan
from runsemble.runners.table import RunTable
from runsemble.sched.retry import RetryPolicy


def add_run(table: RunTable, params: Mapping[str, Any], output: OutputMode = "tail", directory: str = "/r") -> Job:
    """Take in a run that waits."""
    plan = Plan(0, {}, Shape(1), 1, output, RetryPolicy())
    job = Job(table, plan, ["true"], f"{directory}/{len(table)}", codec.encode(dict(params)), {})
    table.add(job)
    return job


def end_run(
    job: Job,
    cause: Cause = Cause.OK,
    *,
    message: str = "",
    result: str | None = None,
    tail: str | None = None,
    usage: Usage | None = None,
) -> None:
    """Let a run start and end, and tell everybody."""
    table, machine = job.table, job.machine
    machine.start(1)
    table.statistics.move("pending", "running")
    table.bus.publish(events.RunStarted(job.id, 1, "here", 1, (), (), 0.0))
    machine.end(1, cause, job.plan.retry)
    table.statistics.move("running", machine.status)
    job.message = message
    job.last = End(int(cause is not Cause.OK), usage, None if result is None else ("text", result), tail)
    table.end(job)
    table.bus.publish(events.AttemptEnded(job.id, 1, cause, int(cause is not Cause.OK), message))
    table.bus.publish(events.RunEnded(job.id, machine.status, cause))
