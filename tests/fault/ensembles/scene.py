"""One ensemble to which something in particular happens."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any

from runsemble.store.file import store_path
from runsemble.testing import faults

from ...integration.support import wait_until
from .campaign import PATIENCE_S, wait_gone
from .nest import Nest
from .study import directory_of
from .verdict import Snapshot, check_end


def is_stopped(pid: int) -> bool:
    """Tell whether a process is stopped."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


class Scene:
    """An ensemble with whatever drives it.

    Args:
        nest: Starts drivers.
        home: The directory that test and processes share; ``study`` in it is the ensemble's.
    """

    def __init__(self, nest: Nest, home: str) -> None:
        os.makedirs(home, exist_ok=True)
        self.home = home
        self.directory = directory_of(home)
        self.fuse = faults.Fuse(home)
        self._nest = nest
        self._drivers: list[int] = []

    def make(self, **options: Any) -> int:
        """Make the ensemble; return the exit status of who did it. See `study.study_options`."""
        return self.wait(self._fork("make", {"count": 12, **options}))

    def drive(self, **options: Any) -> int:
        """Start a driver; return its process id. See `nursery.be_driver`."""
        return self._fork("drive", options)

    def _fork(self, task: str, options: dict[str, Any]) -> int:
        pid = self._nest.fork(self.home, task, **options)
        self._drivers.append(pid)
        return pid

    def wait(self, pid: int) -> int:
        """Wait for a driver to end; return its exit status."""
        status = self._nest.wait(pid, PATIENCE_S)
        assert status is not None, f"the driver does not end; it said: {self.said}"
        self._drivers.remove(pid)
        return status

    def drive_to_end(self, **options: Any) -> int:
        """Start a driver and wait for its end; return its exit status."""
        return self.wait(self.drive(**options))

    def wait_fired(self) -> None:
        """Wait until a fault point was reached."""
        wait_until("the fault point is reached", lambda: not self.fuse.is_armed)

    def wait_asleep(self) -> int:
        """Wait until a driver was stopped at a fault point, and return it; others can write to the record.

        One that is stopped amid a transaction keeps everybody else waiting, as nobody can take SQLite's lock from it.
        It is let go on for a moment then.
        """
        self.wait_fired()
        asleep = wait_until("a driver is stopped", lambda: next(filter(is_stopped, self._drivers), 0))
        while self._is_amid_transaction(asleep):
            os.kill(asleep, signal.SIGCONT)
            time.sleep(0.001)
            os.kill(asleep, signal.SIGSTOP)
            wait_until("it is stopped", lambda: is_stopped(asleep))
        return asleep

    def _is_amid_transaction(self, pid: int) -> bool:
        """Tell whether a process has the lock of a writer to the log. Source: sqlite.org/walformat.html, 2.3.1."""
        index = str(os.stat(store_path(self.directory) + "-shm").st_ino)
        with open("/proc/locks", encoding="ascii") as file:
            locks = [line.split()[3:7] for line in file if "->" not in line]
        return any(
            (kind, int(owner), place.rpartition(":")[2], first) == ("WRITE", pid, index, "120")
            for kind, owner, place, first in locks
        )

    def finish(self, lost_at_most: int = 0, **options: Any) -> Snapshot:
        """See the ensemble through with one more driver; check everything, and that nothing is left."""
        status = self.drive_to_end(**options)
        assert status == 0, self.said
        seen = check_end(self.home, lost_at_most)
        wait_gone(self.home)
        return seen

    @property
    def said(self) -> str:
        """What drivers have said."""
        with open(os.path.join(self.home, "said"), encoding="utf-8") as file:
            return file.read()

    @property
    def counts(self) -> dict[int, int]:
        """How many runs are in which state, by its number."""
        with closing(sqlite3.connect(f"file:{store_path(self.directory)}?mode=ro", uri=True)) as db:
            return dict(db.execute("SELECT state, count(*) FROM runs GROUP BY state"))

    def close(self) -> None:
        """End every process."""
        for role in ("driver", "agent"):
            for pid in faults.members(role, self.home):
                os.kill(pid, 9)
        for pid in list(self._drivers):
            self.wait(pid)
