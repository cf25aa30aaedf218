"""Asks the record of an ensemble, from ordinary code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runsemble.ensemble.look import looking
from runsemble.ensemble.sync import blocking
from runsemble.ensemble.view import EnsembleRun
from runsemble.store.reader import PAGE, reading

#: How many runs are asked for by their numbers at a time.
_CHUNK = 500


def runs_of(study: str, ids: Iterable[int]) -> list[EnsembleRun]:
    """Return those of some runs that there are, in the order of their numbers as given."""
    wanted = list(dict.fromkeys(ids))
    found = {run.id: run for run in blocking(_chosen)(study, [id_ for id_ in wanted if _is_id(id_)])}
    return [found[id_] for id_ in wanted if id_ in found]


def known_ids(study: str, ids: Iterable[int]) -> list[int]:
    """Return those of some numbers that runs have."""
    wanted = [int(id_) for id_ in dict.fromkeys(ids) if _is_id(id_)]
    there = blocking(_ids)(study, wanted)
    return [id_ for id_ in wanted if id_ in there]


def every_run(study: str) -> Iterator[EnsembleRun]:
    """Yield all runs, read some at a time."""
    first = 0
    while page := blocking(_page)(study, first):
        yield from page
        first = page[-1].id + 1


async def next_id(study: str) -> int | None:
    """Return the number of the run that is added next, None if there is none yet."""
    async with reading(study) as reader:
        return await reader.next_id()


async def any_taken(study: str, directories: Sequence[str]) -> bool:
    """Tell whether a run has one of some directories."""
    async with reading(study) as reader:
        for directory in directories:
            if await reader.directory_conflict(directory, is_alone=False) is not None:
                return True
    return False


def _is_id(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < 1 << 63


async def _chosen(study: str, ids: Sequence[int]) -> list[EnsembleRun]:
    found = []
    async with looking(study) as look:
        for at in range(0, len(ids), _CHUNK):
            chunk = [int(id_) for id_ in ids[at : at + _CHUNK]]
            found += await look.views(await look.reader.where(_among(chunk), chunk, len(chunk)))
    return found


async def _ids(study: str, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    async with reading(study) as reader:
        for at in range(0, len(ids), _CHUNK):
            chunk = ids[at : at + _CHUNK]
            found |= {run.id for run in await reader.where(_among(chunk), chunk, len(chunk))}
    return found


async def _page(study: str, first: int) -> list[EnsembleRun]:
    async with looking(study) as look:
        return await look.views(await look.reader.page(first, PAGE))


def _among(ids: Sequence[int]) -> str:
    return f"id IN ({','.join('?' * len(ids))})"
