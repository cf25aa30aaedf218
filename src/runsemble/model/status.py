"""What state a run is in, and why it ended there."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

RunStatus = Literal["skipped", "pending", "running", "success", "failure"]

#: From which status to which a run may go. A running run becomes pending again when another attempt follows.
TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    "pending": frozenset({"running", "success", "failure", "skipped"}),
    "running": frozenset({"success", "failure", "pending", "skipped"}),
    "success": frozenset(),
    "failure": frozenset(),
    "skipped": frozenset(),
}

STATUSES: tuple[RunStatus, ...] = ("skipped", "pending", "running", "success", "failure")
TERMINAL: frozenset[RunStatus] = frozenset({"skipped", "success", "failure"})


def is_terminal(status: RunStatus) -> bool:
    """Tell whether a run in this status will never change again."""
    return status in TERMINAL


def is_legal(before: RunStatus, after: RunStatus) -> bool:
    """Tell whether a run may go from one status straight to the other."""
    return after in TRANSITIONS[before]


class Cause(StrEnum):
    """Why an attempt ended."""

    OK = "ok"
    """Exit code 0."""
    EXIT = "exit"
    """Another exit code."""
    SIGNAL = "signal"
    """Ended by a signal that did not come from runsemble."""
    TIMEOUT = "timeout"
    """Longer than `timeout_s`."""
    OOM = "oom"
    """More memory than `mem_mib`."""
    WALLTIME = "walltime"
    """The allocation's time was over."""
    PREEMPTED = "preempted"
    """The scheduler took the allocation back."""
    NODE_LOST = "node_lost"
    """The node went away under the run."""
    AGENT_LOST = "agent_lost"
    """The agent died, so nobody could learn the exit code."""
    LAUNCH_ERROR = "launch_error"
    """The command could not be started."""
    STAGING = "staging"
    """The run directory or its files could not be made."""
    DISK_FULL = "disk_full"
    """No space left for the run directory."""
    HOOK = "hook"
    """A user's hook raised."""
    DEPENDENCY = "dependency"
    """Something this run needed had failed."""
    ABORTED = "aborted"
    """Not run: the study was given up (too many failures, an error, Ctrl-C), or its runner skipped the run."""
    KILLED = "killed"
    """Ended on the user's request to kill it."""
    CANCELLED = "cancelled"
    """Ended because the program that waited for it was cancelled."""


#: Causes that are nobody's fault: another attempt costs no retry.
INFRASTRUCTURE: frozenset[Cause] = frozenset({Cause.AGENT_LOST, Cause.NODE_LOST, Cause.PREEMPTED, Cause.WALLTIME})

#: Causes after which another attempt would be against somebody's will.
FINAL: frozenset[Cause] = frozenset({Cause.OK, Cause.ABORTED, Cause.KILLED, Cause.CANCELLED, Cause.DEPENDENCY})

#: Where a run of a stored study stands: as `RunStatus`, with those that were killed or aborted apart.
StoredStatus = Literal["pending", "success", "failure", "killed", "aborted", "running", "skipped"]


def stored_status(status: RunStatus, cause: Cause | None) -> StoredStatus:
    """Return where a run stands in a stored study.

    A run that was killed on request, or that ended with an exit code after which it is not to be tried again, has
    not just failed. One that was only not started stays pending, to be started by whoever resumes the study.
    """
    if status == "failure" and cause in (Cause.KILLED, Cause.ABORTED):
        return "killed" if cause is Cause.KILLED else "aborted"
    if status == "skipped":
        return "killed" if cause is Cause.KILLED else "skipped" if cause is Cause.DEPENDENCY else "pending"
    return status
