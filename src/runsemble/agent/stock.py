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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    #: Forks a child that takes its order from there; returns its process id.
    Fork = Callable[[socket.socket], int]

#: The most children that wait for orders.
MOST = 32
#: If so many are wanted at once, more will be.
MANY = 4
#: Seconds that they may wait.
KEEP_S = 0.5


class Stock:
    """Children of one kind that wait for their orders.

    Args:
        fork: Makes one.
        idle: Process ids of the children that wait, of every kind; kept up to date here.
    """

    def __init__(self, fork: Fork, idle: set[int]) -> None:
        self._fork = fork
        self._idle = idle
        self._waiting: list[tuple[int, socket.socket]] = []
        self._env: dict[bytes, bytes] = {}  #: of all that wait
        self._cores: set[int] = set()  #: the same
        self._batch = 1
        self.expires_at = float("inf")  #: when they have waited long enough, monotonic

    def order(self, cwd: bytes, env: dict[bytes, bytes], argument: Any, out: int, err: int, wanted: int) -> int:
        """Give one an order, and return its process id.

        Args:
            cwd: Where it is to be.
            env: Its whole environment.
            argument: For it.
            out: Becomes its standard output.
            err: The same for errors.
            wanted: How many are wanted soon, this one included.

        Raises:
            OSError: The system has no room for one more process.
        """
        while True:
            if not self._waiting:
                self._fill(wanted)
            pid, stream = self._waiting.pop()
            is_alive = pid in self._idle
            self._idle.discard(pid)
            try:
                if is_alive:
                    changes = child.changes_between(self._env, env)
                    self._send(pid, stream, orders.Order(cwd, changes, argument, out, err))
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

    def _fill(self, wanted: int) -> None:
        self._env = dict(os.environb)
        self._cores = os.sched_getaffinity(0)
        for _ in range(self._batch if wanted >= MANY else min(self._batch, wanted)):
            try:
                self._add()
            except OSError:
                if not self._waiting:
                    raise
                break
        self._batch = min(MOST, 2 * self._batch)
        self.expires_at = time.monotonic() + KEEP_S

    def _add(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            pid = self._fork(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._idle.add(pid)
        self._waiting.append((pid, ours))

    def _send(self, pid: int, stream: socket.socket, order: orders.Order) -> None:
        cores = os.sched_getaffinity(0)
        if cores != self._cores:
            os.sched_setaffinity(pid, cores)
        orders.send(stream, order)
