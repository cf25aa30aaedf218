"""The fault points of a driver, and what it tells of runs that it takes over."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from runsemble.agent import place
from runsemble.ensemble import attending, creation, inbox, pruning, visit
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.guest_pen import GuestPen
from runsemble.ensemble.pruning import Pruning
from runsemble.ensemble.recorder import Recorder
from runsemble.nodes import link, local
from runsemble.runners.engine import Engine
from runsemble.runners.heirs import Heirs
from runsemble.runners.recording import Records
from runsemble.runners.station import Station
from runsemble.runners.study import Study
from runsemble.store import connection, lease, writer
from runsemble.store.writer import Writer
from runsemble.testing import faults

from . import agent_points

#: Each is reached when a driver begins.
FIRST_POINTS = (
    "lease taken", "place chosen", "place recorded", "agent started", "hello sent", "agent welcomed", "agent settled",
)  # fmt: skip
#: Each is reached in the course of an ensemble.
POINTS = (
    "run granted", "run sent", "exit arrived", "exit heard", "before commit", "amid commit", "after commit",
    "ack queued", "ack sent",
)  # fmt: skip
#: Reached where directories are not kept.
REMOVAL_POINTS = ("before removal", "amid removal", "after removal", "removal noted")
#: Reached when a driver finds a run that is alive.
ADOPTION_POINTS = ("run adopted",)
#: Reached when another process has sent a command.
COMMAND_POINTS = ("command read", "command committed", "command withdrawn")
#: Reached at the end of an ensemble.
LAST_POINTS = (
    "before bye", "bye sent", "before forgetting", "agents forgotten", "before release", "lease released",
)  # fmt: skip
#: Reached by guests, and by drivers that have some.
GUEST_POINTS = (
    "guest joined", "guest asked", "guest told", "run sent", "exit heard", "before commit", "after commit",
    "command read", "command committed", "command withdrawn", "ack sent",
)  # fmt: skip
#: Reached when a driver or a guest has died.
HEIR_POINTS = ("lease taken", "agents let go", "agent welcomed", "run adopted")
#: Reached when a guest has died.
MOURNING_POINTS = ("guest seen off", "agents let go", "agent welcomed", "run adopted")
#: Reached when a guest has nothing to do any more.
PARTING_POINTS = ("before forgetting", "guest leaves", "guest gone", "before release")
#: Reached when an ensemble is made.
CREATION_POINTS = ("directory made", "tables made", "before runs", "runs written", "ensemble made")

Statements = Sequence[tuple[str, Sequence[Any]]]


def install() -> None:
    """Let this process's driver have fault points, and agents of this process, too."""
    local.AGENT_PROGRAM = agent_points.__file__
    faults.after(Writer, "take", "lease taken")
    faults.after(local.LocalNode, "prepare", "place chosen")
    faults.after(Recorder, "announce", "place recorded")
    faults.after(local, "start_agent", "agent started")
    faults.after(local, "connect", "hello sent")
    faults.after(Station, "welcome", "agent welcomed")
    faults.after(Station, "settle", "agent settled")
    faults.after(Station, "send_run", "run granted")
    faults.before(Engine, "_on_exit", "exit arrived")
    faults.after(Engine, "_on_exit", "exit heard")
    faults.after(Station, "acknowledge", "ack queued")
    _install_flush()
    _install_commits()
    faults.before(Pruning, "_prune", "before removal")
    faults.after(pruning, "clear_directory", "amid removal")
    faults.after(Pruning, "_prune", "after removal")
    faults.after(Pruning, "_write", "removal noted")
    faults.before(Desk, "carry_out", "command read")
    faults.after(Desk, "carry_out", "command committed")
    faults.after(inbox, "withdraw", "command withdrawn")
    faults.after(GuestPen, "join", "guest joined")
    faults.before(GuestPen, "_wait_reply", "guest asked")
    faults.after(GuestPen, "_wait_reply", "guest told")
    faults.before(GuestPen, "leave", "guest leaves")
    faults.after(GuestPen, "leave", "guest gone")
    faults.after(Writer, "advance", "guest seen off")
    faults.after(Engine, "leave_agents", "agents let go")
    faults.before(Station, "dismiss", "before bye")
    faults.after(Station, "dismiss", "bye sent")
    faults.before(Writer, "release", "before release")
    faults.after(Writer, "release", "lease released")
    _install_creation()


def _install_flush() -> None:
    """Let the moment after messages have gone to the agent be fault points, according to what they are."""
    flush = link.AgentLink.flush

    def call(self: link.AgentLink) -> None:
        kinds = {message[0] for message in self._queued}
        flush(self)
        for kind, point in (("run", "run sent"), ("ack", "ack sent")):
            if kind in kinds:
                faults.reach(point)

    link.AgentLink.flush = call  # type: ignore[method-assign]


def _install_commits() -> None:
    """Let transactions be fault points: before, in the middle, after; according to what they write."""
    kinds = (
        ("record_runs", "before commit", "after commit"),
        ("forget_agents", "before forgetting", "agents forgotten"),
        ("add_runs", "before runs", "runs written"),
    )
    for name, ahead, behind in kinds:

        def writes(_: Writer, statements: Statements, name: str = name) -> bool:
            return name in {statement[0] for statement in statements}

        faults.before(Writer, "_commit", ahead, writes)
        faults.after(Writer, "_commit", behind, writes)
    faults.before(writer, "query", "amid commit", lambda name: name == "record_attempts")


def _install_creation() -> None:
    faults.after(Study, "make", "directory made")
    faults.after(connection, "make_tables", "tables made")
    faults.after(creation, "create", "ensemble made")


def tally(path: str) -> None:
    """Note in a file which runs a driver takes over alive, and whose end it learns from what an agent kept."""

    def note(word: str, number: int) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, f"{word} {number & 0xFFFFFFFF}\n".encode())
        os.close(fd)

    adopt, heir = Heirs.adopt, Heirs.heir

    def adopt_and_note(self: Heirs, station: Any, live: Any) -> Iterator[Any]:
        for job, pid, started in adopt(self, station, live):
            note("adopted", job.number)
            yield job, pid, started
            faults.reach("run adopted")

    def heir_and_note(self: Heirs, record: Any) -> Any:
        job = heir(self, record)
        if job is not None and record.status is not None:
            note("spooled", job.number)
        return job

    Heirs.adopt = adopt_and_note  # type: ignore[method-assign]
    Heirs.heir = heir_and_note  # type: ignore[method-assign]


def note_places(path: str) -> None:
    """Note in a file which directories this process makes for agents."""
    choose_place = place.choose_place

    def choose_and_note() -> str:
        chosen = choose_place()
        with open(path, "a") as file:
            file.write(chosen + "\n")
        return chosen

    place.choose_place = choose_and_note


def acknowledge_too_early() -> None:
    """Be a driver that acknowledges what it has not committed."""
    Records.after_commit = lambda self, call: call()  # type: ignore[method-assign]


def revive_for_ever() -> None:
    """Replace agents however often they die."""
    from runsemble.runners import station

    station.MAX_REVIVALS = 10**6


def expire_after(lease_s: float) -> None:
    """Let leases that nobody renews expire soon."""
    lease.EXPIRY_S = lease_s
    setattr(writer, "EXPIRY_S", lease_s)  # noqa: B010 - the name that it has imported
    setattr(writer, "BEAT_S", lease_s / 4)  # noqa: B010


def wait_for_agents(answer_s: float) -> None:
    """Take agents for dead that do not answer for so long."""
    from runsemble.runners import station

    station.ANSWER_S = local.TAKEN_S = answer_s


def let_clock_jump(jump_s: float) -> None:
    """Let the clock be set back and forth all the time, as far as this process sees it."""
    clock, jumps = time.time, itertools.cycle((jump_s, -jump_s, 0.0))
    time.time = lambda: clock() + next(jumps)


#: Seconds between two looks for commands, and for directories to remove, so that tests need not wait for them.
attending.LOOK_S = pruning.LOOK_S = visit.LOOK_S = 0.02
