"""Watches the memory of runs that declared how much they need.

Every 100 ms the proportional set sizes of a run's processes are added up. A run that takes and gives back memory
between two looks is missed.
"""

from __future__ import annotations

from . import proc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .attempt import Attempt
    from .contain import Containment

#: Seconds between two looks.
INTERVAL_S = 0.1


def is_over(attempt: Attempt, containment: Containment) -> bool:
    """Tell whether a run uses more than its `mem_mib`; its peak is noted in any case."""
    limit_kib = attempt.plan.mem_mib * 1024
    pids = containment.members_of(attempt)
    used_kib = sum(map(proc.rss_kib, pids))
    if used_kib > limit_kib:  # pages that processes share were counted more than once: look closer
        used_kib = sum(map(proc.pss_kib, pids))
    attempt.peak_kib = max(attempt.peak_kib, used_kib)
    return used_kib > limit_kib
