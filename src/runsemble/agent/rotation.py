"""What the logs of former attempts are called."""

from __future__ import annotations

import fnmatch
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = "run.log"


def log_before(names: Iterable[str]) -> str | None:
    """Return what ``run.log`` is to be called before a new process starts; None where there is none.

    That is ``run_NNNN.log``, where NNNN is how many files ``run*.log`` there are, or the next number that is free.

    Args:
        names: What is in the directory.
    """
    there = set(names)
    if LOG not in there:
        return None
    number = len(fnmatch.filter(there, "run*.log"))
    while "run_%04d.log" % number in there:
        number += 1
    return "run_%04d.log" % number


def is_rotated(run_dir: str, step_dir: str) -> bool:
    """Tell whether the logs in the directory of a step are the run's alone: it is in the run directory, or below.

    Elsewhere a log is appended to, since other runs may write there, too. Both paths are absolute, with no link in
    them.
    """
    return os.path.commonpath([run_dir, step_dir]) == os.path.normpath(run_dir)
