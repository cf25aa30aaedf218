"""Finds the runs of a stored study that fulfil a condition: SQL asks them all, Python those that SQL is unsure of."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from runsemble.ensemble.choice import FACTS, Asked, Choice, needs_attempts
from runsemble.ensemble.view import view
from runsemble.ensemble.where_sql import where_sql
from runsemble.errors import ResultError
from runsemble.model.where import Condition, unknown_name
from runsemble.model.where_tree import MISSING
from runsemble.store.reader import MANY, PAGE, Reader
from runsemble.store.records import StoredRun
from runsemble.store.sql import query

_COLUMNS = query("runs_from").partition("FROM")[0].removeprefix("SELECT")


class Sieve:
    """The runs that are meant and fulfil a condition, in the order of their ids.

    Args:
        reader: Reads the study.
        path: The study's directory.
        choice: Which are meant beside.
        condition: What they fulfil.
    """

    def __init__(self, reader: Reader, path: str, choice: Choice, condition: Condition) -> None:
        self._reader = reader
        self._path = path
        self._choice = choice
        self._condition = condition
        self._said = where_sql(condition.tree)
        self._unmet = set(condition.names).difference(FACTS)  #: names that none of the runs asked so far has

    async def runs(self) -> AsyncGenerator[list[StoredRun], None]:
        """Yield the runs, page by page.

        Raises:
            UsageError: The condition names what none of the runs has that were asked.
        """
        async with aclosing(self._rows()) as pages:
            async for rows in pages:
                runs = [StoredRun(*row[:-1]) for row in rows]
                out = await self._sorted_out([run for run, row in zip(runs, rows, strict=True) if row[-1]])
                yield [run for run in runs if run.id not in out]
        await self._require_names()

    async def ids(self) -> AsyncGenerator[list[int], None]:
        """Yield the ids of the runs, very many at a time; see `runs`."""
        last = (await self._reader.next_id() or 0) - 1
        for sql, values in self._choice.conditions():
            for first in range(0, last + 1, MANY):
                select = f"SELECT '[]', json_group_array(id) FROM runs WHERE id >= ? AND id < ? AND ({sql}) ORDER BY id"
                if self._said is not None:
                    select = self._said.select_ids(sql)
                ((sure, doubtful),) = await self._reader.select(select, [first, first + MANY, *values])
                found: list[int] = json.loads(sure)
                asked: list[int] = json.loads(doubtful)
                if asked:
                    found = sorted([*found, *await self._fulfilling(asked)])
                if found:
                    yield found
        await self._require_names()

    async def _fulfilling(self, ids: Sequence[int]) -> list[int]:
        """Return those of some runs that fulfil the condition."""
        found = []
        for at in range(0, len(ids), PAGE):
            chunk = ids[at : at + PAGE]
            marks = ",".join("?" * len(chunk))
            out = await self._sorted_out(await self._reader.where(f"id IN ({marks})", chunk, len(chunk)))
            found += [id_ for id_ in chunk if id_ not in out]
        return found

    async def _rows(self) -> AsyncGenerator[list[Any], None]:
        """Yield rows whose runs fulfil the condition, or may; last in each comes whether that is in doubt."""
        for sql, values in self._choice.conditions():
            select = f"SELECT {_COLUMNS}, 1 FROM runs WHERE id >= ? AND ({sql}) ORDER BY id LIMIT ?"
            if self._said is not None:
                select = self._said.select(_COLUMNS, sql)
            first, has_more = 0, True
            while has_more:
                rows = await self._reader.select(select, [first, *values, PAGE])
                has_more = len(rows) == PAGE
                if rows:
                    yield rows
                    first = rows[-1][0] + 1

    async def _sorted_out(self, runs: Sequence[StoredRun]) -> set[int]:
        """Return the ids of those that do not fulfil the condition."""
        out = set()
        for run, asked in zip(runs, await self._asked(runs), strict=True):
            self._unmet = {name for name in self._unmet if asked(name) is MISSING}
            if not self._condition.holds(asked):
                out.add(run.id)
        return out

    async def _asked(self, runs: Sequence[StoredRun]) -> list[Asked]:
        """Return what answers the condition for each run; results are read only if parameters do not suffice."""
        asked = [Asked(run) for run in runs]
        if all(name in one.params for one in asked for name in self._condition.names):
            return asked
        ids = [run.id for run in runs]
        posted = await self._reader.results(ids)
        attempts = await self._reader.last_attempts(ids) if needs_attempts(self._condition) else {}
        return [Asked(run, self._value(run, posted.get(run.id)), attempts.get(run.id)) for run in runs]

    def _value(self, run: StoredRun, posted: tuple[str, str] | None) -> Any:
        """Return what a run posted, None if it is no plain data."""
        try:
            return view(run, self._path, "files", posted).read_result(allow_pickle=False)
        except ResultError:
            return None

    # Names that nobody has

    async def _require_names(self) -> None:
        """Make sure that every name stands for something in one of the runs that were asked.

        Raises:
            UsageError: One does not.
        """
        for name in self._condition.names:
            if name in self._unmet and not await self._is_met(name):
                known = await self._known_names()
                if known:
                    raise unknown_name(name, known)

    async def _is_met(self, name: str) -> bool:
        """Tell whether one of the runs that SQL has asked alone has something of this name."""
        for sql, values in self._choice.conditions() if self._said is not None else ():
            assert self._said is not None
            select, first = self._said.select_with(name, _COLUMNS, sql), 0
            while rows := await self._reader.select(select, [first, *values, PAGE]):
                if not all(is_doubtful for *_, is_doubtful in rows):
                    return True
                if any(
                    asked(name) is not MISSING for asked in await self._asked([StoredRun(*row[:-1]) for row in rows])
                ):
                    return True
                first = rows[-1][0] + 1
        return False

    async def _known_names(self) -> list[str]:
        """Return the names that the first runs have of which one has any."""
        for sql, values in self._choice.conditions():
            first = 0
            while runs := await self._reader.where(sql, values, PAGE, first):
                names = list(dict.fromkeys(name for asked in await self._asked(runs) for name in asked.names))
                if names:
                    return names
                first = runs[-1].id + 1
        return []
