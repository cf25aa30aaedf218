"""How many runs are in which state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runsemble.model.status import RunStatus


@dataclass(slots=True)
class RunStatistics:
    """How many runs are in which state; `complete_count` and `total_count` always agree with the others."""

    skipped_count: int = 0  #: will not be executed
    pending_count: int = 0  #: waiting to be executed
    running_count: int = 0  #: being executed
    success_count: int = 0  #: ended without error
    failure_count: int = 0  #: ended with an error
    complete_count: int = 0  #: ended, or never to be executed
    total_count: int = 0  #: all of them

    @classmethod
    def of(cls, statuses: Iterable[RunStatus]) -> RunStatistics:
        """Count statuses one by one."""
        stats = cls()
        for status in statuses:
            stats.move(None, status)
        return stats

    @property
    def ended_count(self) -> int:
        """Runs that were executed to an end, good or bad."""
        return self.success_count + self.failure_count

    def __add__(self, other: RunStatistics) -> RunStatistics:
        """Count the runs of both."""
        return RunStatistics(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def add(self, status: RunStatus, count: int) -> None:
        """Count `count` more runs that are in a state."""
        setattr(self, _FIELD[status], getattr(self, _FIELD[status]) + count)
        self.total_count += count
        self.complete_count = self.skipped_count + self.success_count + self.failure_count

    def move(self, before: RunStatus | None, after: RunStatus) -> None:
        """Count one run out of a state and into another; `before` is None for a run not yet counted."""
        if before is None:
            self.total_count += 1
        else:
            setattr(self, _FIELD[before], getattr(self, _FIELD[before]) - 1)
        setattr(self, _FIELD[after], getattr(self, _FIELD[after]) + 1)
        self.complete_count = self.skipped_count + self.success_count + self.failure_count


_FIELD: dict[RunStatus, str] = {
    "skipped": "skipped_count",
    "pending": "pending_count",
    "running": "running_count",
    "success": "success_count",
    "failure": "failure_count",
}
