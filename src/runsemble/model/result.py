"""What is known of a run that has ended, and how it is worded."""

from __future__ import annotations

import signal
from typing import NamedTuple

from runsemble.model.status import Cause


class Usage(NamedTuple):
    """What one attempt used, all its processes together where the kernel adds them up.

    Attributes:
        wall_s: Seconds from start to end.
        user_s: CPU seconds in user mode, children that were waited for included.
        system_s: CPU seconds in the kernel, likewise.
        max_rss_bytes: Largest resident set of any one of its processes.
        rss_floor_bytes: Size of the agent. A child begins as an image of it, so of a smaller program no more is known
            than that it was no larger.
    """

    wall_s: float
    user_s: float
    system_s: float
    max_rss_bytes: int
    rss_floor_bytes: int = 0

    @property
    def is_rss_bounded(self) -> bool:
        """Tell whether the program may have used less memory than `max_rss_bytes` says."""
        return self.max_rss_bytes <= self.rss_floor_bytes

    def __str__(self) -> str:
        """Word the usage for people: "1.2 s wall, 1.0 s user, 0.1 s system, ≤ 10 MiB (agent's size)"."""
        size = f"{self.max_rss_bytes / 2**20:.0f} MiB"
        rss = f"≤ {size} (the agent's size)" if self.is_rss_bounded else size
        return f"{self.wall_s:.3g} s wall, {self.user_s:.3g} s user, {self.system_s:.3g} s system, {rss}"


def judge_cause(status: int | None, trouble: str | None, ended_by: str | None) -> Cause:
    """Return why an attempt ended.

    Args:
        status: Exit code, or minus the number of the signal; None if it never ran.
        trouble: Why it never ran or was given up, as the agent words it; None if it ran to an end.
        ended_by: Who ended it, as the agent words it; None if it ended by itself.
    """
    if trouble is not None:
        return Cause(trouble)
    if ended_by is not None:
        return Cause(ended_by)
    if status == 0:
        return Cause.OK
    return Cause.EXIT if status is not None and status > 0 else Cause.SIGNAL


def describe_end(
    cause: Cause, returncode: int | None, message: str | None, timeout_s: float | None = None, mem_mib: int = 0
) -> str:
    """Word an end for people: "exit code 3", "ended by SIGSEGV", "longer than 5 s"."""
    if message:
        return message
    if cause is Cause.OK:
        return "ok"
    if cause is Cause.EXIT:
        return f"exit code {returncode}"
    if cause is Cause.SIGNAL and returncode is not None:
        return f"ended by {signal_name(-returncode)}"
    if cause is Cause.TIMEOUT:
        return f"longer than {timeout_s:g} s" if timeout_s is not None else "longer than its time limit"
    if cause is Cause.OOM:
        return f"more memory than {mem_mib} MiB" if mem_mib else "out of memory"
    if cause is Cause.HOOK:
        return "a hook failed"
    return cause.value.replace("_", " ")


def signal_name(number: int) -> str:
    """Return "SIGKILL" for 9, "signal 77" for a number without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
