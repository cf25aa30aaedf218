"""How a stored study stands, in few facts that are quickly had, however many runs there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runsemble.ensemble.look import Look, looking
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.status import Cause, StoredStatus
from runsemble.store.lease import Here, Holder, Lease
from runsemble.store.reader import Reader

#: Failures that are shown.
SHOWN = 5
#: Statuses of runs that failed.
_FAILED: tuple[StoredStatus, ...] = ("failure", "aborted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a stored study stood when it was looked at."""

    counts: Mapping[StoredStatus, int]
    causes: Mapping[Cause, int]  #: why runs failed, the most frequent cause first
    failures: tuple[EnsembleRun, ...]  #: the latest ones, the latest first
    lease: Lease  #: who drives it
    guests: tuple[Holder, ...] = ()  #: who else takes part, as far as can be seen from here

    @property
    def total(self) -> int:
        """How many runs there are."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """How many runs are neither pending nor running."""
        return self.total - self.counts["pending"] - self.counts["running"]


async def overview(directory: str) -> Overview:
    """Return how the study in a directory, absolute, stands; for errors see `connection.open_for_reading`."""
    async with looking(directory) as look:
        lease = await look.reader.lease()  # first: once a driver has let go of it, everything it did is counted
        guests = await living_guests(look.reader)
        counts = await look.reader.counts()
        causes: dict[Cause, int] = {}
        for status in _FAILED:
            for cause, count in (await look.reader.causes(status)).items() if counts[status] else ():
                if cause is not None:
                    causes[cause] = causes.get(cause, 0) + count
        ordered = dict(sorted(causes.items(), key=lambda item: -item[1]))
        failures = await _latest_failures(look) if ordered else ()
        return Overview(counts=counts, causes=ordered, failures=failures, lease=lease, guests=guests)


async def living_guests(reader: Reader) -> tuple[Holder, ...]:
    """Return the guests of a study, but for those that are known to be dead."""
    guests = await reader.guests()
    here = Here.now()
    return tuple(who for who in guests.values() if not who.is_certainly_dead(here))


async def drivers_of(reader: Reader) -> tuple[Holder, ...]:
    """Return who drives a study, as far as can be seen from here: whoever holds the lease, then its guests."""
    lease = await reader.lease()
    holders = () if lease.holder is None or lease.is_free_now else (lease.holder,)
    return (*holders, *await living_guests(reader))


async def _latest_failures(look: Look) -> tuple[EnsembleRun, ...]:
    return tuple([await look.run(id_) for id_ in await look.reader.latest_ends(_FAILED, SHOWN)])
