"""A process that makes an ensemble and looks at it, and what each of that cost."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

from tell import arguments, tell

from runsemble import Ensemble

T = TypeVar("T")
#: Runs of a page.
PAGE = 50


def parameters(count: int) -> Iterator[dict[str, Any]]:
    """Yield parameter sets like a scientist's."""
    for index in range(count):
        yield {"beta": index / count, "method": "euler", "seed": index}


async def first_page(ensemble: Ensemble) -> list[int]:
    """Return the ids of the first page."""
    found = []
    async for run in ensemble.runs():
        found.append(run.id)
        if len(found) == PAGE:
            break
    return found


async def look(out: str, count: int) -> dict[str, float]:
    """Make an ensemble and look at it; return what that cost."""
    facts: dict[str, float] = {}

    async def timed(name: str, doing: Awaitable[T]) -> T:
        began, cpu = time.perf_counter(), time.process_time()
        result = await doing
        facts[f"{name}_s"], facts[f"{name}_cpu_s"] = time.perf_counter() - began, time.process_time() - cpu
        return result

    await timed("create", Ensemble.create(out, runs=parameters(count), cmd=["true", "{beta}"]))
    ensemble = await timed("open", Ensemble.open(out))
    counts = await timed("count", ensemble.counts())
    page = await timed("page", first_page(ensemble))
    ids = await timed("filter", ensemble.filter_by_status("pending"))
    assert counts["pending"] == len(ids) == count
    assert page == list(range(PAGE))
    return facts


def main(out: str, count: int) -> None:
    """Do it and tell."""
    facts = asyncio.run(look(out, count))
    tell(**facts, rss_peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main(**arguments())
