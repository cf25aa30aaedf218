"""An ensemble with several drivers at once: one holds the lease, the others are its guests, and any may be killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from runsemble.testing import faults

from .campaign import PATIENCE_S, TRIES, Unreached, wait_gone
from .nest import Nest
from .onslaught import Onslaught
from .verdict import check_always, check_end, require

#: Runs at the same time, of each driver.
SLOTS = 2


class Party(Onslaught):
    """Has drivers of one ensemble after another killed, while others of it go on.

    Args:
        nest: Starts drivers.
        home: A directory of its own.
        size: Drivers at the same time.
        seed: Of everything that is random.
        made: How ensembles are made; see `study.study_options`.
    """

    def __init__(self, nest: Nest, home: str, size: int = 3, seed: int = 0, made: dict[str, Any] | None = None) -> None:
        super().__init__(nest, home, seed, {"count": 24, **(made or {})})
        self._size = size
        self._drivers: list[int] = []

    def kill_at(
        self, point: str, kill: Sequence[str] = ("self",), count: int = 1, first: tuple[str, int] | None = None
    ) -> None:
        """Go on until a fault point is reached by one of the drivers, and it is killed there, or all of them are.

        Args:
            point: The point.
            kill: Whom to kill there; see `faults.Fuse.arm`.
            count: At the how many-th time.
            first: The point at which one is to be killed before, at the how many-th time; the others go on alone.
        """
        for _ in range(TRIES):
            if first is not None:
                self.kill_at(first[0], count=first[1])
            self._need_ensemble()
            fuse = faults.Fuse(self._home)
            fuse.arm(point, kill, count)
            if self._burn_down(fuse, refills=first is None):
                self._note(point, "driver")
                return
            count = 1
        raise Unreached(f"{point!r} was not reached in {TRIES} ensembles")

    def kill_at_random(self, role: str, delay_s: float) -> None:
        """Let the drivers work for a while, then kill one of them, or of their agents."""
        self._need_ensemble()
        self._need_drivers()
        end = time.monotonic() + delay_s
        while time.monotonic() < end and self._drivers:
            self._wait_one(0.01)
        victims = faults.members(role, self._home)
        if not victims:
            self.finish()
            return
        with suppress(ProcessLookupError):
            os.kill(self.random.choice(victims), signal.SIGKILL)
        self._note("at random", role)

    def _burn_down(self, fuse: faults.Fuse, *, refills: bool) -> bool:
        """Let drivers work until the fuse has burnt down; False if the ensemble comes to its end before that."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            if refills or not self._drivers:
                self._need_drivers()
            self._wait_one(0.005)
            if not fuse.is_armed:
                return True
            if not self._is_open() and not self._drivers:
                if not fuse.disarm():
                    return True
                self.finish()
                return False
            require(time.monotonic() < give_up, f"the drivers hang: {self._said()}")

    def _note(self, point: str, role: str) -> None:
        self.tally.kills[point] += 1
        self.tally.driver += role == "driver"
        self.tally.agent += role == "agent"
        self._losses += role == "agent"
        check_always(self._home)

    def _need_drivers(self) -> None:
        while len(self._drivers) < self._size and self._is_open():
            self._drivers.append(self._nest.fork(self._home, "drive", max_concurrency=SLOTS, allow_multiple=True))

    def _is_open(self) -> bool:
        return any(status in ("pending", "running") for status in check_always(self._home).status.values())

    def _wait_one(self, timeout_s: float) -> None:
        """Take in the ends of drivers."""
        for pid in list(self._drivers):
            status = self._nest.wait(pid, timeout_s / len(self._drivers))
            if status is not None:
                self._drivers.remove(pid)
                require(status in (0, -signal.SIGKILL), f"a driver ended with {status}: {self._said()}")

    def finish(self) -> None:
        """See the present ensemble through to its end, and check everything."""
        if not self._home:
            return
        give_up = time.monotonic() + PATIENCE_S
        while self._drivers:
            self._wait_one(0.01)
            require(time.monotonic() < give_up, f"the drivers hang: {self._said()}")
        pid = self._nest.fork(self._home, "drive")  # finds whatever the others have left
        status = self._nest.wait(pid, PATIENCE_S)
        require(status == 0, f"the last driver ended with {status}: {self._said()}")
        seen = check_end(self._home, self._losses * SLOTS * self._size, self._made.get("steps", 1))
        require(len(seen.status) == self._made["count"], "a run was added twice, or not at all")
        wait_gone(self._home)
        self.tally.take_in(self._home)
        self._home, self._losses = "", 0

    def abandon(self) -> None:
        """End every process, without looking at anything."""
        super().abandon()
        for pid in self._drivers:
            self._nest.wait(pid, PATIENCE_S)
