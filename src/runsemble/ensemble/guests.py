"""The guests of a study as its driver knows them: who is there, and whose every claimed run is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from runsemble.ensemble import inbox
from runsemble.ensemble.killing import killing
from runsemble.ensemble.private import private_directory
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus, StoredStatus
from runsemble.sched.feed import to_hand_over
from runsemble.store.lease import Here, Holder, Watch
from runsemble.store.reader import Reader
from runsemble.store.records import STATUSES, Claim, StoredRun
from runsemble.store.writer import Statement, Writer

#: Where guests give signs of life, in the private directory of a study.
NAME = "guests"

#: What stored statuses count as while runs are under way.
COUNTS_AS: Mapping[StoredStatus, RunStatus] = {
    "pending": "pending", "running": "running", "success": "success", "failure": "failure", "killed": "skipped",
    "aborted": "failure", "skipped": "skipped",
}  # fmt: skip


def beat_path(directory: str, guest: str) -> str:
    """Return the file that a guest of the study in `directory` touches as long as it lives."""
    return os.path.join(private_directory(directory), NAME, guest)


class Source(Protocol):
    """Where runs are taken from for guests; see `feed.Feed`."""

    @property
    def is_stopped(self) -> bool:
        """Whether nothing more is taken."""

    async def hand_over(self, count: int, unfit: Collection[int]) -> list[StoredRun]:
        """Return up to so many pending runs, which are somebody else's from now on; none that is unfit."""

    def look_again(self, runs: Iterable[int] = ()) -> None:
        """Take these runs, which are pending again."""

    def wake(self) -> None:
        """Look again whether there is anything to wait for."""


@dataclass(slots=True)
class Guest:
    """One guest."""

    who: Holder
    watch: Watch = field(default_factory=Watch)
    offer: list[int] | None = None  #: runs that it is to have, as soon as that is written down
    unfit: set[int] = field(default_factory=set)  #: runs that need more than there is where it is


@dataclass(slots=True)
class Held:
    """A run that is a guest's."""

    guest: str
    counts_as: RunStatus


class Guests:
    """Who takes part, and which runs are whose; and what follows when that changes.

    Args:
        directory: The study's.
        known: The guests so far, by name.
        claims: The runs that are theirs.
        statistics: Count those as well.
        hear_end: Called when a run has ended, with its id and how.
    """

    def __init__(
        self,
        directory: str,
        known: Mapping[str, Holder],
        claims: Iterable[Claim],
        statistics: RunStatistics,
        hear_end: Callable[[int, RunStatus], None],
    ) -> None:
        self.source: Source
        self.are_expected = True  #: what they have is waited for; else one of them is going to drive the study
        self.is_prepared = False  #: they may have runs
        self.held = {claim.run: Held(claim.guest, COUNTS_AS[claim.status]) for claim in claims}
        self._directory = directory
        self._guests = {name: Guest(who) for name, who in known.items()}
        self._statistics = statistics
        self._hear_end = hear_end
        self._due: list[tuple[str, dict[str, Any]]] = []  #: what all of them are to be told

    # Who is there

    def add(self, name: str, who: Holder) -> None:
        """Take in a guest."""
        self._guests.setdefault(name, Guest(who))

    def drop(self, name: str) -> None:
        """Take in that a guest is gone: what it had is pending again, or somebody has to look what became of it."""
        self._guests.pop(name, None)
        returned = [run for run, held in self.held.items() if held.guest == name]
        for run in returned:
            held = self.held.pop(run)
            self._statistics.move(held.counts_as, "pending")
        self.source.look_again(returned)

    def find_gone(self) -> list[str]:
        """Return the guests that have died, or give no sign of life any more."""
        here = Here.now()
        return [name for name, guest in list(self._guests.items()) if self._is_gone(name, guest, here)]

    def _is_gone(self, name: str, guest: Guest, here: Here) -> bool:
        sign = None
        with suppress(OSError):
            sign = os.stat(beat_path(self._directory, name)).st_mtime_ns
        return guest.watch.is_silent(sign) or guest.who.is_certainly_dead(here)

    # What they have

    @property
    def is_open(self) -> bool:
        """Whether they may have runs now."""
        return self.is_prepared and not self.source.is_stopped

    @property
    def opens_later(self) -> bool:
        """Whether they may have runs later, from this driver or the next."""
        return not self.is_prepared or not self.are_expected

    async def offer(self, name: str, count: int) -> list[int]:
        """Return which pending runs a guest is to have; they are nobody else's until `confirm` or for ever."""
        guest = self._guests[name]
        if guest.offer is None:
            waiting = self._statistics.pending_count - sum(held.counts_as == "pending" for held in self.held.values())
            share = to_hand_over(count, max(0, waiting), len(self._guests) + 1)
            runs = await self.source.hand_over(share, guest.unfit)
            guest.offer = [run.id for run in runs]
            self.held |= {run.id: Held(name, "pending") for run in runs}
        return guest.offer

    def confirm(self, name: str) -> None:
        """Take in that the last offer is written down."""
        self._guests[name].offer = None

    def take_back(self, name: str, runs: Sequence[int]) -> None:
        """Take in that a guest cannot execute these runs; it is offered them no more."""
        self._guests[name].unfit.update(runs)
        for run in runs:
            self.held.pop(run, None)
        self.source.look_again(runs)

    def hear(self, updates: Iterable[tuple[int, int]]) -> None:
        """Take in where runs stand that guests have: their ids, with the numbers of their statuses."""
        for run, number in updates:
            held, status = self.held.get(run), STATUSES[number]
            if held is None:
                continue
            self._statistics.move(held.counts_as, COUNTS_AS[status])
            held.counts_as = COUNTS_AS[status]
            if status not in ("pending", "running"):
                del self.held[run]
                self._hear_end(run, COUNTS_AS[status])
        self.source.wake()

    @property
    def are_awaited(self) -> bool:
        """Whether they have runs that are waited for."""
        return self.are_expected and bool(self.held)

    # What they are told

    def tell(self, what: str, **arguments: Any) -> None:
        """Let all of them be told something, soon."""
        self._due.append((what, arguments))

    async def send(self, writer: Writer) -> None:
        """Write down what they are to be told.

        Raises:
            LeaseError: Another process has taken the study over.
            StoreError: It cannot be written now.
        """
        while self._due:
            what, arguments = self._due[0]
            await writer.commit(orders_to(self._guests, what, arguments))
            self._due.pop(0)


def orders_to(guests: Iterable[str], what: str, arguments: Mapping[str, Any]) -> list[Statement]:
    """Return what to commit so that guests carry something out."""
    text = json.dumps(arguments)
    return [("add_order", [(inbox.new_command(what).name, guest, what, text)]) for guest in guests]


async def farewell(reader: Reader, guest: str) -> list[Statement]:
    """Return what to commit when a guest is gone: its runs are nobody's, and those that it was to kill are killed."""
    had = {claim.run for claim in await reader.claims() if claim.guest == guest}
    orders = await reader.orders(guest)
    doomed = {run for _, what, arguments in orders if what == "kill" for run in arguments["runs"]} & had
    return [*killing(sorted(doomed)), *leaving(guest)]


def leaving(guest: str) -> list[Statement]:
    """Return what to commit when a guest has nothing any more."""
    return [(name, [(guest,)]) for name in ("forget_claims", "forget_orders", "forget_guest")]
