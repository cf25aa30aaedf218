"""What follows an ended attempt: another one, or the end; and when a whole study is given up."""

from __future__ import annotations

from dataclasses import dataclass

from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause

#: An infrastructure that fails this often for one run is not bad luck any more.
MAX_FREE_ATTEMPTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a run is tried again."""

    retries: int = 0  #: further attempts after failures of the run's own, >= 0
    max_free: int = MAX_FREE_ATTEMPTS  #: further attempts after failures of the machinery's

    def allows(self, cause: Cause, charged: int, free: int) -> bool:
        """Tell whether another attempt follows one that ended for `cause`.

        Args:
            cause: Why the last attempt ended.
            charged: Further attempts made so far that counted as retries.
            free: Further attempts made so far that did not.
        """
        if cause in FINAL:
            return False
        if cause in INFRASTRUCTURE:
            return free < self.max_free
        return charged < self.retries


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortPolicy:
    """When no further run is started."""

    max_failures: int | None = None  #: failed runs that are put up with; None = any number

    def is_exceeded(self, failures: int) -> bool:
        """Tell whether too many runs have failed."""
        return self.max_failures is not None and failures > self.max_failures
