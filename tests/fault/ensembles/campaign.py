"""The harness: makes ensembles, has their drivers and agents killed, goes on with them, and checks everything."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from runsemble.ensemble import inbox
from runsemble.ensemble.inbox import Command
from runsemble.testing import faults
from runsemble.workdir.layout import PRIVATE

from .nest import Nest
from .onslaught import Onslaught
from .study import directory_of
from .tally import Tally
from .verdict import check_always, check_directories, check_end, require

#: Runs at the same time: as many as one dead agent can take along.
SLOTS = 4
#: Seconds within which anything that should happen must.
PATIENCE_S = 60.0
#: How many ensembles may come to their end before a fault point is taken never to be reached.
TRIES = 6


#: A point, whom to kill there, at the how many-th time.
Kill: TypeAlias = tuple[str, Sequence[str], int]


class Unreached(AssertionError):
    """A fault point was never reached."""


class Campaign(Onslaught):
    """Kills the driver and the agents of one ensemble after another.

    Args:
        nest: Starts drivers.
        home: A directory of its own.
        seed: Of everything that is random.
        made: How ensembles are made; see `study.study_options`.
        driven: How they are driven; see `driver.Execution`.
    """

    def __init__(
        self,
        nest: Nest,
        home: str,
        seed: int = 0,
        made: dict[str, Any] | None = None,
        driven: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(nest, home, seed, {"count": 16, **(made or {})})
        self._driven = driven or {}
        self._driver = 0
        self._added = 0
        self._commands = 0

    # Killing

    def kill_at(
        self, point: str, kill: Sequence[str], count: int = 1, *, command: str = "", first: Kill | None = None
    ) -> None:
        """Go on until a fault point is reached and processes are killed there; check the record then.

        Args:
            point: The point.
            kill: Roles of whom to kill there.
            count: At the how many-th time.
            command: Send a command of this kind.
            first: What has to be killed where before, so that the point can be reached.
        """
        for _ in range(TRIES):
            if first is not None:
                self.kill_at(*first)
            self._need_ensemble()
            fuse = faults.Fuse(self._home)
            fuse.arm(point, kill, count)
            if command:
                self.send(command)
            if self._burn_down(fuse):
                self._note(point, kill)
                return
            count = 1
        raise Unreached(f"{point!r} was not reached in {TRIES} ensembles")

    def _burn_down(self, fuse: faults.Fuse) -> bool:
        """Let a driver work until the fuse has burnt down; False if the ensemble comes to its end before that."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            self._need_driver()
            status = self._wait(0.005)
            if not fuse.is_armed:
                return True
            if status is not None:
                require(status == 0, f"the driver ended with {status} and not by a fault: {self._said()}")
                if not fuse.disarm():
                    return True
                self.finish()
                return False
            require(time.monotonic() < give_up, f"the driver hangs: {self._said()}")

    def kill_at_random(self, kill: Sequence[str], delay_s: float) -> None:
        """Let a driver work for a while, then kill it, or its agents, from outside."""
        self._need_ensemble()
        self._need_driver()
        status = self._wait(delay_s)
        if status is not None:
            require(status == 0, f"the driver ended with {status}: {self._said()}")
            self.finish()
            return
        victims = [pid for role in kill for pid in faults.members(role, self._home)]
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victims:
            self._note("at random", kill)

    def _note(self, point: str, kill: Sequence[str]) -> None:
        self.tally.kills[point] += 1
        self.tally.driver += "driver" in kill
        self.tally.agent += "agent" in kill
        loses = {"agent", "driver"} if self._driven.get("orphans") == "kill" else {"agent"}
        self._losses += not loses.isdisjoint(kill)
        if "driver" in kill and self._driver:
            status = self._wait()
            require(status == -signal.SIGKILL, f"the driver was to be killed and ended with {status}: {self._said()}")
        check_always(self._home)

    # Steering

    def send(self, what: str) -> None:
        """Put a command into the inbox."""
        self._commands += 1
        run = self.random.randrange(self._made["count"])
        arguments: dict[str, Any] = {"runs": [run]}
        if what == "add":
            self._added += 1
            arguments = {"runs": [['{"t": "0.02", "code": 0}', None]]}
        name = f"{time.time_ns():020d}-{what}-{self._commands}"
        inbox.post(os.path.join(directory_of(self._home), PRIVATE), Command(name, what, arguments))

    def _need_driver(self) -> None:
        if not self._driver:
            self._driver = self._nest.fork(self._home, "drive", **self._driven)

    def _wait(self, timeout_s: float = PATIENCE_S) -> int | None:
        status = self._nest.wait(self._driver, timeout_s)
        if status is not None:
            self._driver = 0
        return status

    def finish(self) -> None:
        """See the present ensemble through to its end, and check everything."""
        if not self._home:
            return
        self._need_driver()
        status = self._wait()
        require(status == 0, f"the driver ended with {status}: {self._said()}")
        waiting = inbox.pending(os.path.join(directory_of(self._home), PRIVATE))
        require(not waiting, f"the driver has left commands undone: {waiting}")
        steps = self._made.get("steps", 1)
        seen = check_end(self._home, self._losses * SLOTS, steps)
        require(len(seen.status) == self._made["count"] + self._added, "a run was added twice, or not at all")
        check_directories(self._home, seen, self._made.get("keep", "all"))
        self.tally.take_in(self._home)
        self._home, self._losses, self._added = "", 0, 0

    def close(self) -> Tally:
        """Bring everything to its end, check that nothing is left; return what came of it."""
        self.finish()
        for home in self._homes:
            wait_gone(home)
        return super().close()

    def abandon(self) -> None:
        """End every process, without looking at anything."""
        super().abandon()
        if self._driver:
            self._wait()


def wait_gone(home: str) -> None:
    """Wait until nothing is left of the agents of an ensemble: no process, no directory, no spool."""
    give_up = time.monotonic() + PATIENCE_S
    while left := _left(home):
        require(time.monotonic() < give_up, f"left behind in {home}: {left}")
        time.sleep(0.02)


def _left(home: str) -> list[str]:
    left = [f"agent {pid}" for pid in faults.members("agent", home)]
    with suppress(FileNotFoundError), open(os.path.join(home, "places"), encoding="utf-8") as file:
        left += [place for place in file.read().split() if os.path.exists(place)]
    private = os.path.join(directory_of(home), PRIVATE)
    left += [name for name in os.listdir(private) if name.startswith("spool")]
    return left
