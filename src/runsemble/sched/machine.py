"""The state machine of one run, fed with what is heard of it in whatever order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from runsemble.model.status import INFRASTRUCTURE, Cause, RunStatus, is_legal, is_terminal
from runsemble.sched.retry import DONE, Decision, RetryPolicy

_NONE: Mapping[Cause, int] = MappingProxyType({})


class Verdict(Enum):
    """What an ended attempt means for its run."""

    RETRY = "retry"
    NEXT = "next"  # step of the same attempt
    DONE = "done"
    STALE = "stale"  # heard before, or of an attempt that was given up: means nothing any more


@dataclass(slots=True)
class RunMachine:
    """Where one run stands. Events may come twice or late; the answer says whether they still mean anything."""

    status: RunStatus = "pending"
    attempt: int = 1  #: the attempt that waits or runs, from 1
    step: int = 0  #: the step that waits or runs, from 0
    made: int = 0  #: attempts that have started, or could not
    #: further attempts that counted as retries, by the cause of the one before
    charged: Mapping[Cause, int] = field(default_factory=lambda: _NONE)
    free: int = 0  #: further attempts that did not
    cause: Cause | None = None  #: why the last attempt ended
    decision: Decision = DONE  #: what follows the last attempt

    @property
    def is_over(self) -> bool:
        """Whether the run has reached its final status."""
        return is_terminal(self.status)

    def start(self, attempt: int, step: int = 0) -> bool:
        """Note that a step of an attempt has started; False if that is no news."""
        if (attempt, step) != (self.attempt, self.step) or self.status != "pending":
            return False
        self.made = attempt
        self._go("running")
        return True

    def end(
        self,
        attempt: int,
        cause: Cause,
        policy: RetryPolicy,
        step: int = 0,
        *,
        has_next: bool = False,
        returncode: int | None = None,
    ) -> Verdict:
        """Note that a step of an attempt has ended, and judge.

        Args:
            attempt: Its number.
            cause: Why it ended.
            policy: When another attempt follows.
            step: The step.
            has_next: Whether another step follows if this one went well.
            returncode: Its exit code, None if it never had one.
        """
        if (attempt, step) != (self.attempt, self.step) or is_terminal(self.status):
            return Verdict.STALE
        self.cause, self.made = cause, attempt
        if cause is Cause.OK and has_next:
            self.step += 1
            if self.status != "pending":
                self._go("pending")
            return Verdict.NEXT
        if cause is not Cause.OK:
            self.decision = policy.decide(cause, returncode, self.charged, self.free)
        if self.decision.kind == "retry" and cause is not Cause.OK:
            self._count(self.decision, cause)
            self.attempt += 1
            if self.status != "pending":
                self._go("pending")
            return Verdict.RETRY
        if self.decision.kind == "aborted":
            self.cause = Cause.ABORTED
            self._go("failure")
        else:
            self._go("success" if cause is Cause.OK else "skipped" if cause is Cause.ABORTED else "failure")
        return Verdict.DONE

    def recall(self, cause: Cause, policy: RetryPolicy, returncode: int | None = None) -> Decision:
        """Take in an attempt of which somebody else has heard the end, and which another one follows.

        Args:
            cause: Why it ended.
            policy: When another attempt follows.
            returncode: Its exit code, None if it never had one.

        Returns:
            What followed; of a kind other than "retry", it has cost nothing.
        """
        decision = policy.decide(cause, returncode, self.charged, self.free)
        if decision.kind == "retry":
            self._count(decision, cause)
        return decision

    def _count(self, decision: Decision, cause: Cause) -> None:
        """Take in what another attempt costs."""
        if decision.is_charged:
            self.charged = {**self.charged, cause: self.charged.get(cause, 0) + 1}
        else:
            self.free += 1

    def resume(self, attempt: int, step: int, *, is_running: bool = False) -> None:
        """Go on where a run stands that somebody else has begun.

        Args:
            attempt: The attempt that waits or runs.
            step: The step that waits or runs.
            is_running: Whether it runs.
        """
        self.attempt, self.step = attempt, step
        self.made = attempt if is_running else attempt - 1
        self.status = "running" if is_running else "pending"

    def skip(self, cause: Cause) -> bool:
        """Note that the run will not be executed, or not again; False if it has ended already.

        One that has failed, and would have been tried again, has failed then.
        """
        if is_terminal(self.status):
            return False
        if self.charged and self.status == "pending" and self.cause not in INFRASTRUCTURE:
            self._go("failure")
            return True
        self.cause = cause
        self._go("skipped")
        return True

    def _go(self, after: RunStatus) -> None:
        assert is_legal(self.status, after), (self.status, after)
        self.status = after
