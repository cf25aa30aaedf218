"""Containment: after a run ends, nothing of it survives, and nothing of another run is touched.

The agent is a child subreaper: when a process below it loses its parent, it becomes the agent's own child, wherever
it hid (another group, another session). An *orphan* is a child of the agent that leads no run. It belongs to the run
whose session it is in, else to the run whose key stands in its environment, else it is held until every run that was
alive when it started has ended.

A process number is not given away again while a group or session of that number has members, so orphans are told by
the session of their leader even after the leader was reaped.

Source: prctl(2) PR_SET_CHILD_SUBREAPER; proc(5) /proc/PID/task/TID/children.
"""

from __future__ import annotations

import os
import signal

from . import proc
from .attempt import Attempt
from .protocol import RUN_KEY

#: Seconds that orphans may take to die after SIGKILL; one stuck in the kernel can take forever.
CLEAR_S = 5.0

_RUN_KEY = RUN_KEY.encode()


def become_subreaper() -> bool:
    """Make orphans below this process its children; False where the platform cannot."""
    try:
        import ctypes

        return bool(ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


class Containment:
    """The living runs' leaders and orphans.

    Args:
        agent_id: With which the keys of its runs begin.
        idle: Children that are nobody's, and wait to become leaders; those that end are taken out.
    """

    def __init__(self, agent_id: str, idle: set[int] | None = None) -> None:
        self.leaders: dict[int, Attempt] = {}  #: by process id
        self.clearing: dict[int, Attempt] = {}  #: leader ended, orphans not yet; by the leader's process id
        self.leave_survivors = False
        self._idle = idle if idle is not None else set()
        self._agent_id = agent_id.encode()
        self._orphans: dict[int, Attempt | None] = {}  #: None: nobody's, held
        self._held: dict[int, list[Attempt]] = {}  #: orphan -> runs that were alive when it started
        own = str(os.getpid())
        self._children_fd = os.open("/proc/" + own + "/task/" + own + "/children", os.O_RDONLY | os.O_CLOEXEC)

    def reap(self, now: float) -> list[Attempt]:
        """Take in every ended child; return the runs that are over now, with nothing of them left.

        Args:
            now: Monotonic time.
        """
        done = False
        while not done:
            done = not self._reap_one(now)
        if not self.clearing:
            return []
        return self._clear(now)

    def members_of(self, attempt: Attempt) -> list[int]:
        """Return every process of a run: its leader, its orphans, and all below them."""
        self._adopt(self._children())
        roots = [attempt.pid] if attempt.pid in self.leaders else []
        roots += [pid for pid, owner in self._orphans.items() if owner is attempt]
        return [pid for root in roots for pid in proc.descendants_of(root)]

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._children_fd)

    def _reap_one(self, now: float) -> bool:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        if info is None:
            return False
        pid = info.si_pid
        attempt = self.leaders.pop(pid, None)
        if attempt is not None and not self.leave_survivors:
            signal_group(pid, signal.SIGKILL)  # before its number can be given away
        _, status, usage = os.wait4(pid, 0)
        if attempt is None:
            attempt = self._orphans.pop(pid, None)
            self._held.pop(pid, None)
            self._idle.discard(pid)
            if attempt is not None:
                attempt.add_usage(usage)
            return True
        attempt.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        attempt.ended_at = now
        attempt.cleared_by = now + CLEAR_S
        attempt.add_usage(usage)
        self.clearing[pid] = attempt
        return True

    def _clear(self, now: float) -> list[Attempt]:
        """End the orphans of ended runs; return the runs that have none left."""
        children = self._children()
        if len(children) > len(self.leaders) + len(self._idle):
            self._adopt(children)
        elif not self._orphans:
            over = list(self.clearing.values())
            self.clearing.clear()
            return over
        if self.leave_survivors:
            self._forget_orphans()
        over = []
        for pid, attempt in list(self.clearing.items()):
            orphans = [p for p, owner in self._orphans.items() if owner is attempt]
            if orphans and now < attempt.cleared_by:
                kill_all(orphans)
                continue
            attempt.survivors = len(orphans)
            del self.clearing[pid]
            over.append(attempt)
        if not self.leave_survivors:
            self._end_held()
        return over

    def _children(self) -> list[bytes]:
        data = os.pread(self._children_fd, 65536, 0)
        while len(data) % 65536 == 0 and data:  # never seen; thousands of children
            more = os.pread(self._children_fd, 65536, len(data))
            if not more:
                break
            data += more
        return data.split()

    def _adopt(self, children: list[bytes]) -> None:
        """Find the owner of every child that leads no run and is not yet known."""
        alive = {**self.leaders, **self.clearing}
        for pid in map(int, children):
            if pid in self.leaders or pid in self._orphans or pid in self._idle:
                continue
            owner = alive.get(proc.session_of(pid)) or self._owner_by_key(pid, alive)
            self._orphans[pid] = owner
            if owner is None:
                born = proc.start_time_s(pid)
                self._held[pid] = [a for a in alive.values() if a.booted_s <= born + 0.02]

    def _owner_by_key(self, pid: int, alive: dict[int, Attempt]) -> Attempt | None:
        key = proc.environ_value(pid, _RUN_KEY)
        if not key.startswith(self._agent_id):
            return None
        return next((a for a in alive.values() if a.key.encode() == key), None)

    def _end_held(self) -> None:
        """End the orphans whose possible owners have all ended."""
        alive = {id(a) for a in self.leaders.values()} | {id(a) for a in self.clearing.values()}
        doomed = [pid for pid, owners in self._held.items() if not any(id(a) in alive for a in owners)]
        kill_all(doomed)

    def _forget_orphans(self) -> None:
        for pid in [p for p, owner in self._orphans.items() if owner is not None and owner.pid in self.clearing]:
            self._orphans[pid] = None
            self._held[pid] = []


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the group of a run's leader that was not reaped yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # a fork that does not lead it yet: it is still alone
        _kill_one(pid, number)
    except PermissionError:
        pass


def _kill_one(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def kill_all(pids: list[int]) -> None:
    """Freeze, then kill: a frozen process cannot fork while its siblings are being killed."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                pass
