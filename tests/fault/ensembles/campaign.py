"""The harness: makes ensembles, has their drivers and agents killed, goes on with them, and checks everything."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from runsemble.ensemble import inbox
from runsemble.ensemble.inbox import Command
from runsemble.testing import faults
from runsemble.workdir.layout import PRIVATE

from .nest import Nest
from .study import directory_of
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


@dataclass
class Tally:
    """What came of all kills."""

    kills: Counter[str] = field(default_factory=Counter)  #: by point, or "at random"
    driver: int = 0  #: kills of a driver
    agent: int = 0  #: kills of agents
    ensembles: int = 0
    adopted: int = 0  #: runs that a new driver found alive
    spooled: int = 0  #: runs whose end a new driver learned from what an agent had kept
    requeued: int = 0  #: runs that were started again as attempt + 1, since an agent took them along

    def add(self, other: Tally) -> None:
        """Count what came of other kills, too."""
        self.kills += other.kills
        for name in ("driver", "agent", "ensembles", "adopted", "spooled", "requeued"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def take_in(self, home: str) -> None:
        """Count what drivers of an ensemble that is over have told, and what its record does."""
        with suppress(FileNotFoundError), open(os.path.join(home, "tally"), encoding="ascii") as file:
            words = Counter(line.split()[0] for line in file)
            self.adopted += words["adopted"]
            self.spooled += words["spooled"]
        seen = check_always(home)
        self.requeued += sum(seen.attempt[run] - 1 - seen.requeued[run] for run in seen.attempt)

    def __str__(self) -> str:
        return (
            f"{self.kills.total()} kills ({self.driver} of drivers, {self.agent} of agents) in {self.ensembles} "
            f"ensembles: {self.adopted} adopted, {self.spooled} spooled, {self.requeued} requeued"
        )


#: What came of all campaigns together.
LEDGER = Tally()


class Campaign:
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
        self.tally = Tally()
        self.random = random.Random(seed)
        self._nest = nest
        self._above = home
        self._made = {"count": 16, **(made or {})}
        self._driven = driven or {}
        self._home = ""
        self._driver = 0
        self._losses = 0  #: kills by which runs were ended, in the present ensemble
        self._added = 0
        self._commands = 0
        self._homes: list[str] = []

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

    def _need_ensemble(self) -> None:
        if self._home:
            return
        self._home = os.path.join(self._above, f"e{len(self._homes)}")
        self._homes.append(self._home)
        os.makedirs(self._home)
        pid = self._nest.fork(self._home, "make", **self._made)
        require(self._nest.wait(pid) == 0, f"the ensemble could not be made: {self._said()}")
        self._losses = self._added = 0
        self.tally.ensembles += 1

    def _need_driver(self) -> None:
        if not self._driver:
            self._driver = self._nest.fork(self._home, "drive", **self._driven)

    def _wait(self, timeout_s: float = PATIENCE_S) -> int | None:
        status = self._nest.wait(self._driver, timeout_s)
        if status is not None:
            self._driver = 0
        return status

    def _said(self) -> str:
        with open(os.path.join(self._home, "said"), encoding="utf-8") as file:
            return file.read()[-4000:]

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
        self._home = ""

    # The end

    def close(self) -> Tally:
        """Bring everything to its end, check that nothing is left; return what came of it."""
        self.finish()
        for home in self._homes:
            wait_gone(home)
        LEDGER.add(self.tally)
        return self.tally

    def abandon(self) -> None:
        """End every process, without looking at anything."""
        for home in self._homes:
            for role in ("driver", "agent"):
                for pid in faults.members(role, home):
                    os.kill(pid, signal.SIGKILL)
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
