"""Stored runs as Themis shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runsemble.compat.themis._records import STATUS_ENUMS
from runsemble.compat.themis._runs import AugmentedRun, GivenRun
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.status import StoredStatus

QUEUED, SUCCESS, FAILURE, KILLED, ABORTED = STATUS_ENUMS

#: What each status of a stored run is to Themis, which has no word for a run that is under way.
_NUMBERS: Mapping[StoredStatus, int] = {
    "pending": QUEUED, "running": QUEUED, "skipped": QUEUED,
    "success": SUCCESS, "failure": FAILURE, "killed": KILLED, "aborted": ABORTED,
}  # fmt: skip


def status_of(status: StoredStatus) -> int:
    """Return the number of a status."""
    return _NUMBERS[status]


def stored_statuses(numbers_: Sequence[int]) -> list[StoredStatus]:
    """Return what stored runs are in that have one of some numbers; of all when there is none."""
    return [status for status, number in _NUMBERS.items() if not numbers_ or number in numbers_]


def as_run(stored: EnsembleRun) -> AugmentedRun:
    """Return a stored run as it was given, with how it stands."""
    given = GivenRun(stored.params, stored.memo)
    return AugmentedRun(given.sample, given.steps, status_of(stored.status), stored.result)
