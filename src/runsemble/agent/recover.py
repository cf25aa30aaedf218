"""Ends what a dead agent left running, so that its runs can be started again.

Nobody but their parent could have learned their exit codes. They are found by the run key in their environment, or by
the session of a leader whose process id, time of start and boot are on record.
"""

from __future__ import annotations

import os
import time

from . import cgroup, proc
from .contain import kill_all
from .protocol import AGENT_KEY, AGENT_LOST, RUN_KEY, Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .spool import Remains

#: Seconds that the remains may take to die after SIGKILL.
END_S = 5.0

_LOST = "the agent died while this run was at work, so its exit code is unknown"


def end_remains(remains: Remains, agent_id: str) -> list[Exit]:
    """End every process of a dead agent's open attempts; return a record for each of those attempts.

    An attempt whose exit is in the spool has a valid end, and is not among them. Sequence numbers go on from the
    spool's.
    """
    if remains.open and remains.boot == proc.boot_id():
        _end_processes(remains, agent_id)
        _end_groups(remains)
    records = []
    for run, attempt, step in remains.open:
        record = Exit.never_ran(run, attempt, step, AGENT_LOST, _LOST)
        remains.last_seq += 1
        record.seq = remains.last_seq
        records.append(record)
    remains.open.clear()
    return records


def _end_processes(remains: Remains, agent_id: str) -> None:
    give_up = time.monotonic() + END_S
    while True:
        pids = _find(remains, agent_id)
        if not pids or time.monotonic() > give_up:
            return
        kill_all(pids)
        time.sleep(0.005)


def _end_groups(remains: Remains) -> None:
    """Remove the control groups of open attempts, which nobody else knows of."""
    groups = cgroup.find_delegated()
    if groups is not None:
        for key, _, _ in remains.open.values():
            groups.end(key)


def _find(remains: Remains, agent_id: str) -> list[int]:
    prefix = agent_id.encode() + b"-"
    sessions = {pid for _, booted_s, pid in remains.open.values() if pid and _is_leader(pid, booted_s)}
    name, agent_name, agent = RUN_KEY.encode(), AGENT_KEY.encode(), agent_id.encode()
    own = os.getpid()
    found = []
    for pid in proc.all_pids():
        is_theirs = (
            proc.session_of(pid) in sessions
            or proc.environ_value(pid, name).startswith(prefix)
            or proc.environ_value(pid, agent_name) == agent
        )
        if is_theirs and pid != own and not proc.is_zombie(pid):
            found.append(pid)
    return found


def _is_leader(pid: int, booted_s: float) -> bool:
    """Tell whether a process is the one spawned then, or at least that its session may still be that one's."""
    born = proc.start_time_s(pid)
    return born == 0.0 or abs(born - booted_s) < 2.0
