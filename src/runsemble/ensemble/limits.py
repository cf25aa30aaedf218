"""Tells when a stored study is to be given up, judged whenever a run ends."""

from __future__ import annotations

from collections.abc import Callable

from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus
from runsemble.sched.policy import AbortPolicy, Halt, Tally


class Limits:
    """What one execution of a study may come to.

    Args:
        policy: When it is given up.
        former: How many runs are in which state now, those of former executions included; None: only those count that
            end in this execution.
        tally: What this execution has come to so far.
    """

    def __init__(self, policy: AbortPolicy, former: RunStatistics | None, tally: Tally | None = None) -> None:
        self.halted: Halt | None = None  #: what it was given up for
        self.reason = ""  #: the same in words
        self._policy = policy
        self._tally = Tally() if tally is None else tally
        self._former = former
        self._give_up: Callable[[Halt], None] | None = None

    def count(self, run: int, status: RunStatus, total: int) -> None:
        """Take in the end of a run.

        Args:
            run: Its id.
            status: How it has ended.
            total: How many runs there are.
        """
        if self._policy.halts:
            self._tally.count(run, status)
            self._judge(total)

    def forget(self, run: int) -> None:
        """Take in that a run is executed again."""
        self._tally.forget(run)

    def act(self, give_up: Callable[[Halt], None], total: int) -> None:
        """Call `give_up` when it has come to that, perhaps at once: runs may have ended already."""
        self._give_up = give_up
        if self._tally.statistics.complete_count:
            self._judge(total)

    def _judge(self, total: int) -> None:
        if self._give_up is None or self.halted is not None:
            return
        counted = self._tally.statistics if self._former is None else self._former
        halt = self._policy.verdict(counted, total)
        if halt is not None:
            self.halted, self.reason = halt, halt.reason(counted)
            self._give_up(halt)
