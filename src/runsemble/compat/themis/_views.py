"""Stored runs as Themis shows them; hooks ask for theirs, so nothing is imported here that costs a fork much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runsemble import codec
from runsemble.compat.themis._records import STATUS_ENUMS
from runsemble.compat.themis._runs import AugmentedRun, Step
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
    memo = stored.memo or {"steps": []}
    steps = [Step(**dict(zip(Step.__slots__, fields, strict=True))) for fields in memo["steps"]]
    kept = memo.get("sample")
    sample = stored.params if kept is None else codec.decode(kept, allow_pickle=True)
    given = steps if "is_list" in memo else tuple(steps)
    return AugmentedRun(sample, given, status_of(stored.status), stored.result)
