"""Says who drives a study, and what to do if nobody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runsemble.cli.directory import typed
from runsemble.model.status import StoredStatus
from runsemble.store.lease import Holder, Lease
from runsemble.store.reader import reading


def driver_words(lease: Lease, directory: str) -> str:
    """Word who drives a study: "driven by process 12 on host, since …", or what to do."""
    if is_driven(lease):
        return f"driven by {lease.holder}"
    return f"nobody drives {typed(directory)}: {next_step(directory)}"


def next_step(directory: str) -> str:
    """Word how a study is gone on with."""
    return f"runsemble resume {typed(directory)}"


def is_driven(lease: Lease) -> bool:
    """Tell whether somebody drives a study, as far as can be seen from here."""
    return lease.holder is not None and not lease.is_free_now


async def look_who(directory: str) -> tuple[Lease, dict[StoredStatus, int]]:
    """Return who drives a study, and how many of its runs have which status."""
    async with reading(directory) as reader:
        return await reader.lease(), await reader.counts()


def is_over(counts: Mapping[StoredStatus, int]) -> bool:
    """Tell whether no run is pending or running."""
    return not counts["pending"] and not counts["running"]


def driver_facts(lease: Lease) -> dict[str, Any] | None:
    """Return who drives a study, ready for JSON; None if nobody does."""
    holder = lease.holder
    if holder is None or lease.is_free_now:
        return None
    return holder_facts(holder)


def holder_facts(holder: Holder) -> dict[str, Any]:
    """Return what there is to say of a process that drives a study, ready for JSON."""
    return {"host": holder.host, "pid": holder.pid, "since": holder.since}
