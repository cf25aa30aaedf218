"""Claims of cores, by which the studies of one user on one machine keep off each other's cores.

A claim is a lock on a file per core; it ends with the process that holds it, whatever happens to that.

Source: flock(2).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence

from runsemble.agent import place


class CoreClaims:
    """The cores that this process has claimed."""

    def __init__(self) -> None:
        self._fds: dict[int, int] = {}

    def claim(self, cores: Sequence[int], count: int) -> tuple[int, ...] | None:
        """Claim `count` of `cores`, in their order; None, and no claim, if others leave fewer than that."""
        try:
            directory = os.path.join(place.make_root(), "cores")
            place.make_private(directory)
            for core in cores:
                if len(self._fds) == count:
                    break
                self._try_one(directory, core)
        except (OSError, place.UnsafePlace):
            self.release()
            return None
        if len(self._fds) < count:
            self.release()
            return None
        return tuple(self._fds)

    def release(self) -> None:
        """Give every claim up."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    def _try_one(self, directory: str, core: int) -> None:
        fd = os.open(os.path.join(directory, str(core)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        else:
            self._fds[core] = fd
