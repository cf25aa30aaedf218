"""What is written down of runs that are killed, and that nobody has to end."""

from __future__ import annotations

from collections.abc import Iterable

from runsemble.model.status import Cause
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER
from runsemble.store.writer import Statement

#: What is said of a run that was killed.
KILLED_WORDS = "killed on request"


def killing(runs: Iterable[int]) -> list[Statement]:
    """Return what to commit when runs are killed; those that have ended stay as they are."""
    state, cause = STATUS_NUMBER["killed"], CAUSE_NUMBER[Cause.KILLED]
    rows = [(state, cause, KILLED_WORDS, run) for run in runs]
    return [("settle_ends", [(row[-1],) for row in rows]), ("settle", rows)]
