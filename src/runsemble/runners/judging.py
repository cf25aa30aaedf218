"""Judges what the end of an attempt means for its run."""

from __future__ import annotations

import time

from runsemble.agent.protocol import BY_TIMEOUT, Exit
from runsemble.model import events
from runsemble.model.result import Usage, describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.runners.disk_wait import DiskWait
from runsemble.runners.dispatch import Dispatcher
from runsemble.runners.ending import Ending
from runsemble.runners.fleet import Fleet
from runsemble.runners.growth import Growth
from runsemble.runners.heirs import Heirs
from runsemble.runners.job import End, Job, Plan
from runsemble.sched.machine import Verdict

_ENDED_WITH_DRIVER = "its driver died, and the agent ended it"


class Judge:
    """Judges the ends of attempts.

    Args:
        dispatcher: Where runs wait for another attempt, or their next step.
        fleet: Is relieved where runs are short.
        growth: Gives them more where they had too little.
        heirs: Runs that are being taken over.
        ending: Ends runs.
        disk: Holds them back where there is no space.
    """

    def __init__(
        self, dispatcher: Dispatcher, fleet: Fleet, growth: Growth, heirs: Heirs, ending: Ending, disk: DiskWait
    ) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._growth = growth
        self._heirs = heirs
        self._ending = ending
        self._disk = disk

    def judge(self, job: Job, record: Exit) -> None:
        """Take in the end of an attempt at a step that is under way: the run goes on, waits or is over."""
        cause, message = self._cause_of(job, record)
        is_wanted = job.stop_cause is None and not job.is_unwanted
        if cause is Cause.DISK_FULL and is_wanted and self._disk.holds(job, message or ""):
            if not self._heirs.holds(job):
                self._dispatcher.push(job)
            return
        limits = job.plan.fields
        job.message = describe_end(cause, record.status, message, limits["timeout_s"], limits["mem_mib"])
        before = job.machine.status
        policy = job.plan.retry if is_wanted else job.plan.retry.without_retries
        verdict = job.machine.end(
            record.attempt, cause, policy, record.step, has_next=job.has_next_step, returncode=record.status
        )
        if verdict is Verdict.STALE:
            return
        if job.machine.status != before:
            job.table.statistics.move(before, job.machine.status)
        self._learn(job.plan, record)
        tail = record.tail
        if tail and job.plan.output != "tail":
            tail = tail.strip().rpartition("\n")[2]
        posted = (record.result[0], record.result[1]) if record.result else job.posted if record.step else None
        job.last = End(record.status, _usage_of(record), posted, tail)
        if verdict is Verdict.NEXT:
            job.posted = posted  # where posts are kept apart from run directories, the next step does not see it
        job.table.bus.publish(
            events.AttemptEnded(job.id, record.attempt, cause, record.status, job.message, record.step, record.started)
        )
        if verdict is Verdict.DONE:
            self._ending.end(job)
        else:
            self._go_on(job, verdict)

    def _cause_of(self, job: Job, record: Exit) -> tuple[Cause, str | None]:
        """Return why an attempt ended, with a sentence where there is one."""
        cause, message = _cause_of(job.plan, record)
        if job.stop_cause is not None and cause in (Cause.CANCELLED, Cause.KILLED, Cause.AGENT_LOST):
            cause = job.stop_cause
        if cause is Cause.CANCELLED and job.stop_cause is None and self._heirs.holds(job):
            return Cause.AGENT_LOST, _ENDED_WITH_DRIVER
        return cause, message

    def _learn(self, plan: Plan, record: Exit) -> None:
        """Take in how long a step has taken."""
        if record.status is None:
            return
        self._dispatcher.tempo.learn(plan.shape, record.wall_s)
        if plan.deadline is not None and record.ended_by != BY_TIMEOUT:
            plan.deadline.learn(plan.shape, record.wall_s)
        if self._dispatcher.tempo.is_time_to_judge:
            self._fleet.relieve(self._dispatcher.agents_for(plan), calls=plan.is_call)

    def _go_on(self, job: Job, verdict: Verdict) -> None:
        """Let a run wait for its next step, or its next attempt."""
        job.enter_step(job.machine.step)
        decision = job.machine.decision
        if verdict is Verdict.RETRY:
            if job.plan.is_whole:
                job.enter_step(0)
            self._growth.grow(job, decision)
            job.due_at = time.monotonic() + decision.delay_s if decision.delay_s else 0.0
            job.table.bus.publish(events.RunRetried(job.id, job.machine.attempt))
        if self._heirs.holds(job):
            return
        self._dispatcher.push(job, is_begun=verdict is Verdict.NEXT)

    def note_past(self, record: Exit) -> None:
        """Tell of an attempt that was followed by another one under a driver that died before it wrote that down."""
        job = self._heirs.past(record)
        if job is not None:
            cause = self._publish_past(job, record)
            if (record.attempt, record.step) not in job.history.known:
                self._growth.grow_in(record.step, job, job.machine.recall(cause, job.plan.retry, record.status))

    def _publish_past(self, job: Job, record: Exit) -> Cause:
        cause = judge_cause(record.status, record.trouble, record.ended_by)
        words = describe_end(cause, record.status, record.message)
        before, job.last = job.last, End(record.status, _usage_of(record), None, record.tail)
        with job.table.recalling(job):
            job.table.bus.publish(
                events.AttemptEnded(job.id, record.attempt, cause, record.status, words, record.step, record.started)
            )
        job.last = before
        return cause


def _cause_of(plan: Plan, record: Exit) -> tuple[Cause, str | None]:
    """Return why an attempt ended, with a sentence where there is one; a hook that is at fault has failed as such."""
    cause = judge_cause(record.status, record.trouble, record.ended_by)
    if plan.hook is None or cause not in (Cause.EXIT, Cause.TIMEOUT):
        return cause, record.message
    is_late = cause is Cause.TIMEOUT
    return Cause.HOOK, f"{plan.hook} took longer than {plan.fields['timeout_s']:g} s" if is_late else record.message


def _usage_of(record: Exit) -> Usage | None:
    """Return what an attempt used, None if it never ran."""
    if record.status is None:
        return None
    rss, floor = record.max_rss_kib * 1024, record.floor_kib * 1024
    return Usage(record.wall_s, record.user_s, record.system_s, rss, floor)
