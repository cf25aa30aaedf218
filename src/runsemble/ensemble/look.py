"""A longer look at an ensemble, with its file open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from runsemble.ensemble.choice import FACTS, Asked, Choice, needs_attempts
from runsemble.ensemble.view import EnsembleRun, view
from runsemble.errors import ResultError, UsageError
from runsemble.model.status import StoredStatus
from runsemble.model.where import MISSING, Condition, unknown_name
from runsemble.store.reader import PAGE, Reader, reading
from runsemble.store.records import StoredRun
from runsemble.workdir.keep import Keep


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
        while page := await self.reader.page(first, PAGE, statuses[0] if len(statuses) == 1 else None):
            first = page[-1].id + 1
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
            async for run in self._fulfilling(choice, choice.where):
                skip -= 1
                if skip < 0:
                    yield run
            return
        for sql, values in choice.conditions():
            first: int | None = 0
            if skip:
                count = await self.reader.count_where(sql, values)
                first = await self.reader.nth_where(sql, values, skip) if skip < count else None
                skip = max(0, skip - count)
            while first is not None and (page := await self.reader.where(sql, values, PAGE, first)):
                for run in page:
                    yield run
                first = page[-1].id + 1

    async def count(self, choice: Choice) -> int | None:
        """Return how many runs are meant; None where each would have to be asked."""
        if choice.where is not None:
            return None
        if choice == Choice(statuses=choice.statuses):
            counts = await self.reader.counts()
            return sum(counts[status] for status in set(choice.statuses) or counts)
        return sum([await self.reader.count_where(sql, values) for sql, values in choice.conditions()])

    async def _fulfilling(self, choice: Choice, condition: Condition) -> AsyncGenerator[StoredRun, None]:
        """Yield the runs that are meant and fulfil a condition."""
        unmet, known = set(condition.names), dict[str, None]()
        async for page in self._pages(choice):
            for asked, run in await self._asked(page, condition):
                if unmet:
                    unmet = {name for name in unmet if asked(name) is MISSING}
                    known.update(dict.fromkeys(asked.names))
                if condition.holds(asked):
                    yield run
        for name in condition.names:
            if known and name in unmet and name not in FACTS:
                raise unknown_name(name, known)

    async def _pages(self, choice: Choice) -> AsyncGenerator[list[StoredRun], None]:
        for sql, values in choice.conditions():
            first = 0
            while page := await self.reader.where(sql, values, PAGE, first):
                yield page
                first = page[-1].id + 1

    async def _asked(self, page: Sequence[StoredRun], condition: Condition) -> list[tuple[Asked, StoredRun]]:
        """Return what answers a condition for each run; results are read only if parameters do not suffice."""
        asked = [Asked(run) for run in page]
        if all(name in one.params for one in asked for name in condition.names):
            return list(zip(asked, page, strict=True))
        ids = [run.id for run in page]
        posted = await self.reader.results(ids)
        attempts = await self.reader.last_attempts(ids) if needs_attempts(condition) else {}
        return [(Asked(run, self._value(run, posted.get(run.id)), attempts.get(run.id)), run) for run in page]

    def _value(self, run: StoredRun, posted: tuple[str, str] | None) -> Any:
        """Return what a run posted, None if it is no plain data."""
        try:
            return view(run, self._path, "files", posted).read_result(allow_pickle=False)
        except ResultError:
            return None

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
