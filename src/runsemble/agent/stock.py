"""Children forked ahead of the calls that they will make.

A fork takes the pages of both sides apart again, one by one, as they are written to. Where a process forks many
children in a row, it pays for that once, not once for each: with 16 of them, a call costs the agent a third.

How many are forked ahead follows from the demand: more each time they are used up soon, fewer when they have waited in
vain. None of them waits long, so that none is older than it seems.
"""

from __future__ import annotations

import os
import signal
import socket
import time

from . import child, orders
from .affinity import confine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    #: Forks children that take their orders from there; returns their process ids, of which there may be fewer.
    Fork = Callable[[list[socket.socket]], list[int]]

#: The most children that wait for orders.
MOST = 32
#: If so many are wanted at once, more will be.
MANY = 4
#: Seconds that they may wait.
KEEP_S = 0.5


class Stock:
    """Children of one kind that wait for their orders.

    Args:
        fork: Makes some.
        idle: Process ids of the children that wait, of every kind; kept up to date here.
    """

    def __init__(self, fork: Fork, idle: set[int]) -> None:
        self._fork = fork
        self._idle = idle
        self._waiting: list[tuple[int, socket.socket]] = []
        self._env: dict[bytes, bytes] = {}  #: of all that wait
        self._cores: frozenset[int] = frozenset()  #: the same
        self._batch = 1
        self.expires_at = float("inf")  #: when they have waited long enough, monotonic

    def order(
        self, cwd: bytes, env: dict[bytes, bytes], argument: Any, out: int, err: int, wanted: int, cores: frozenset[int]
    ) -> int:
        """Give one an order, and return its process id.

        Args:
            cwd: Where it is to be.
            env: Its whole environment.
            argument: For it.
            out: Becomes its standard output.
            err: The same for errors.
            wanted: How many are wanted soon, this one included.
            cores: Those that it may use.

        Raises:
            OSError: The system has no room for one more process.
        """
        while True:
            if not self._waiting:
                self._fill(wanted, env)
            pid, stream = self._waiting.pop()
            is_alive = pid in self._idle
            self._idle.discard(pid)
            try:
                if is_alive:
                    if cores != self._cores:
                        confine(pid, cores)
                    orders.send(stream, cwd, child.changes_between(self._env, env), argument, out, err)
                    return pid
            except OSError:  # it was killed meanwhile: its end is taken in as that of any child of nobody's
                continue
            finally:
                stream.close()
                if not self._waiting:
                    self.expires_at = float("inf")

    def tidy(self, now: float) -> None:
        """End those that have waited too long."""
        if now >= self.expires_at:
            self._batch = max(1, self._batch // 2)
            self.clear()

    def clear(self) -> None:
        """End all that wait."""
        for pid, stream in self._waiting:
            stream.close()
            if pid in self._idle:
                os.kill(pid, signal.SIGKILL)
        self._waiting.clear()
        self.expires_at = float("inf")

    def _fill(self, wanted: int, env: dict[bytes, bytes]) -> None:
        for name in env:
            os.environb.setdefault(name, b"")  # to change a variable costs a child less than to add one
        self._env = dict(os.environb)
        self._cores = frozenset(os.sched_getaffinity(0))
        count = self._batch if wanted >= MANY else min(self._batch, wanted)
        pairs = [socket.socketpair() for _ in range(count)]
        try:
            pids = self._fork([theirs for _, theirs in pairs])
        except BaseException:
            for ours, _ in pairs:
                ours.close()
            raise
        finally:
            for _, theirs in pairs:
                theirs.close()
        self._idle.update(pids)
        self._waiting = [(pid, ours) for pid, (ours, _) in zip(pids, pairs)]
        for ours, _ in pairs[len(pids) :]:
            ours.close()
        self._batch = min(MOST, 2 * self._batch)
        self.expires_at = time.monotonic() + KEEP_S
