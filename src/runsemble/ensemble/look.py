"""A longer look at an ensemble, with its file open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from runsemble.ensemble.choice import Choice
from runsemble.ensemble.view import EnsembleRun, view
from runsemble.errors import UsageError
from runsemble.model.status import StoredStatus
from runsemble.store.reader import MANY, PAGE, Reader, reading
from runsemble.store.records import StoredRun
from runsemble.workdir.keep import Keep

if TYPE_CHECKING:
    from runsemble.ensemble.sieve import Sieve
    from runsemble.model.where import Condition

#: Runs that are read first: whoever shows some does not wait for very many.
FIRST_PAGE = 100


class Look:
    """What an open file tells of its runs, as a user sees them."""

    def __init__(self, reader: Reader, path: str, recipes: Mapping[int, Mapping[str, Any]], keep: Keep = "all") -> None:
        self.reader = reader
        self._path = path
        self._keep = keep
        self._outputs = {number: recipe["output"] for number, recipe in recipes.items()}

    async def is_over(self) -> bool:
        """Tell whether no run is pending or running."""
        counts = await self.reader.counts()
        return not counts["pending"] and not counts["running"]

    async def run(self, id: int) -> EnsembleRun:  # noqa: A002
        """Return a run; see `Ensemble.run`."""
        run = await self.reader.run(id)
        if run is None:
            raise UsageError(f"there is no run {id} in {self._path}")
        return await self._view(run)

    async def runs(self, statuses: Sequence[StoredStatus], first: int = 0) -> AsyncGenerator[EnsembleRun, None]:
        """Yield runs; see `Ensemble.runs`."""
        size = FIRST_PAGE
        while page := await self.reader.page(first, size, statuses[0] if len(statuses) == 1 else None):
            first, size = page[-1].id + 1, PAGE
            chosen = [run for run in page if not statuses or run.status in statuses]
            for run in await self.views(chosen):
                yield run

    async def chosen(self, choice: Choice, skip: int = 0) -> AsyncGenerator[StoredRun, None]:
        """Yield the runs that are meant, in the order of their ids.

        Args:
            choice: Which are meant.
            skip: Those that are left out, the first ones.

        Raises:
            UsageError: The condition names what none of the runs has that were asked.
        """
        if choice.where is not None:
            async with aclosing(self._sieve(choice, choice.where).runs()) as pages:
                async for page in pages:
                    for run in page[skip:]:
                        yield run
                    skip = max(0, skip - len(page))
            return
        async for sql, values, first in self._starts(choice, skip):
            while page := await self.reader.where(sql, values, PAGE, first):
                for run in page:
                    yield run
                first = page[-1].id + 1

    async def chosen_ids(self, choice: Choice, skip: int = 0) -> AsyncGenerator[Sequence[int], None]:
        """Yield the ids of the runs that are meant, very many at a time; see `chosen`."""
        if choice.where is not None:
            async with aclosing(self._sieve(choice, choice.where).ids()) as pages:
                async for page in pages:
                    yield page[skip:]
                    skip = max(0, skip - len(page))
            return
        async for sql, values, first in self._starts(choice, skip):
            while ids := await self.reader.ids_where(sql, values, MANY, first):
                yield ids
                first = ids[-1] + 1

    def _sieve(self, choice: Choice, condition: Condition) -> Sieve:
        from runsemble.ensemble.sieve import Sieve  # an eighth of what an ensemble costs to import, and seldom needed

        return Sieve(self.reader, self._path, choice, condition)

    async def _starts(self, choice: Choice, skip: int) -> AsyncGenerator[tuple[str, list[Any], int], None]:
        """Yield conditions in SQL with the least id that is meant, after some that are left out."""
        for sql, values in choice.conditions():
            first: int | None = 0
            if skip:
                count = await self.reader.count_where(sql, values)
                first = await self.reader.nth_where(sql, values, skip) if skip < count else None
                skip = max(0, skip - count)
            if first is not None:
                yield sql, values, first

    async def count(self, choice: Choice) -> int | None:
        """Return how many runs are meant; None where each would have to be asked."""
        if choice.where is not None:
            return None
        if choice == Choice(statuses=choice.statuses):
            counts = await self.reader.counts()
            return sum(counts[status] for status in set(choice.statuses) or counts)
        return sum([await self.reader.count_where(sql, values) for sql, values in choice.conditions()])

    async def views(self, runs: Sequence[StoredRun]) -> list[EnsembleRun]:
        """Return what a user sees of runs."""
        ids = [run.id for run in runs]
        posted = await self.reader.results(ids)
        attempts = await self.reader.last_attempts(ids)
        return [
            view(run, self._path, self._outputs[run.recipe], posted.get(run.id), attempts.get(run.id), self._keep)
            for run in runs
        ]

    async def _view(self, run: StoredRun) -> EnsembleRun:
        (one,) = await self.views([run])
        return one


@asynccontextmanager
async def looking(directory: str) -> AsyncIterator[Look]:
    """Yield a look at the study in a directory, absolute; for errors see `connection.open_for_reading`."""
    async with reading(directory) as reader:
        keep = (await reader.settings()).get("keep", "all")
        yield Look(reader, directory, await reader.recipes(), keep)
