"""The state machine of one run, fed with what is heard of it in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from runsemble.model.status import INFRASTRUCTURE, Cause, RunStatus, is_legal, is_terminal
from runsemble.sched.policy import RetryPolicy


class Verdict(Enum):
    """What an ended attempt means for its run."""

    RETRY = "retry"
    DONE = "done"
    STALE = "stale"  # heard before, or of an attempt that was given up: means nothing any more


@dataclass(slots=True)
class RunMachine:
    """Where one run stands. Events may come twice or late; the answer says whether they still mean anything."""

    status: RunStatus = "pending"
    attempt: int = 1  #: the attempt that waits or runs, from 1
    made: int = 0  #: attempts that have started, or could not
    charged: int = 0  #: further attempts that counted as retries
    free: int = 0  #: further attempts that did not
    cause: Cause | None = None  #: why the last attempt ended

    @property
    def is_over(self) -> bool:
        """Whether the run has reached its final status."""
        return is_terminal(self.status)

    def start(self, attempt: int) -> bool:
        """Note that an attempt has started; False if that is no news."""
        if attempt != self.attempt or self.status != "pending":
            return False
        self.made = attempt
        self._go("running")
        return True

    def end(self, attempt: int, cause: Cause, policy: RetryPolicy) -> Verdict:
        """Note that an attempt has ended, and judge."""
        if attempt != self.attempt or is_terminal(self.status):
            return Verdict.STALE
        self.cause, self.made = cause, attempt
        if policy.allows(cause, self.charged, self.free):
            if cause in INFRASTRUCTURE:
                self.free += 1
            else:
                self.charged += 1
            self.attempt += 1
            if self.status != "pending":
                self._go("pending")
            return Verdict.RETRY
        self._go("success" if cause is Cause.OK else "skipped" if cause is Cause.ABORTED else "failure")
        return Verdict.DONE

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
