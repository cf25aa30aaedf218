"""What stays of the directories of runs that have ended."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast, get_args

from runsemble.errors import UsageError
from runsemble.inrun import PARAMS_FILE, RESULTS_FILE

#: Whose directories stay: of all runs; of those that did not succeed; likewise, and of the others what they were given
#: and what they posted; of none.
Keep: TypeAlias = Literal["all", "failed", "results", "none"]

#: What stays with "results" of a run that succeeded: a result tells nothing without its parameters.
_RESULTS = frozenset({PARAMS_FILE, RESULTS_FILE})


def require_keep(value: Any) -> Keep:
    """Return what is to be kept when it is something that can be.

    Raises:
        UsageError: It is not.
    """
    if value not in get_args(Keep):
        raise UsageError(f"keep must be 'all', 'failed', 'results' or 'none', not {value!r}")
    return cast(Keep, value)


def kept_names(keep: Keep, status: str) -> frozenset[str] | None:
    """Return what stays in the directory of a run; None: everything; if it is empty, the directory does not stay.

    Args:
        keep: What was asked for.
        status: Of the run.
    """
    if status in ("pending", "running") or keep == "all" or (keep != "none" and status != "success"):
        return None
    return _RESULTS if keep == "results" else frozenset()


def is_pruned(keep: Keep, status: str) -> bool:
    """Tell whether something of the directory of a run does not stay."""
    return kept_names(keep, status) is not None
