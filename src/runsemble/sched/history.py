"""What the attempts that were made at a run say of the next one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from runsemble.model.status import Cause
from runsemble.sched.machine import RunMachine
from runsemble.sched.retry import Decision, RetryPolicy


class Made(NamedTuple):
    """A step of an attempt, as it was recorded."""

    attempt: int
    step: int
    cause: Cause | None  #: why it ended; None: it is under way, or nobody knows
    returncode: int | None = None
    ended: float | None = None  #: UTC epoch seconds, None if nobody knows


class Growth(NamedTuple):
    """How much more than the one before a step gets."""

    step: int
    decision: Decision


class History(NamedTuple):
    """What attempts leave to those that follow."""

    growth: tuple[Growth, ...] = ()  #: one after the other
    delay_s: float = 0.0  #: seconds for which the next attempt still has to wait
    known: frozenset[tuple[int, int]] = frozenset()  #: attempts and steps of which the end was recorded


NO_HISTORY = History()


def take_in(
    machine: RunMachine, made: Iterable[Made], policy: RetryPolicy, *, forgiven: int = 0, now: float = 0.0
) -> History:
    """Let a run that somebody else has begun have used up what its attempts have cost; return what else follows.

    Args:
        machine: Of the run, set to the attempt that comes next or is under way.
        made: Every attempt, step by step, in order.
        policy: When another one follows.
        forgiven: So many attempts count against no limit.
        now: UTC epoch seconds.
    """
    all_made = list(made)
    growth: list[Growth] = []
    delay_s = 0.0
    for index, one in enumerate(all_made):
        if one.cause is None or one.attempt <= forgiven or one.attempt >= machine.attempt:
            continue
        decision = machine.recall(one.cause, policy, one.returncode)
        is_latest = index + 1 == len(all_made)
        if decision.kind != "retry":
            continue
        growth.append(Growth(machine.step if is_latest else all_made[index + 1].step, decision))
        if is_latest:
            delay_s = _left_s(decision.delay_s, one.ended, now)
    known = frozenset((one.attempt, one.step) for one in all_made if one.cause is not None)
    return History(tuple(growth), delay_s, known)


def _left_s(delay_s: float, since: float | None, now: float) -> float:
    """Return what is left of a wait; all of it if nobody knows when it began, never more, however clocks jump."""
    return delay_s if since is None else min(delay_s, max(0.0, since + delay_s - now))
