"""Which cores a process may use."""

from __future__ import annotations

import os


def confine(pid: int, cores: frozenset[int]) -> bool:
    """Let a process (0: this one) use these cores only; False: it cannot, as where one of them went offline."""
    try:
        os.sched_setaffinity(pid, cores)
    except OSError:
        return False
    return True
