"""Reads what a study's file tells."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import anyio.to_thread

from runsemble.model.status import Cause, StoredStatus
from runsemble.store import connection
from runsemble.store.lease import Holder, Lease
from runsemble.store.records import (
    STATUS_NUMBER,
    STATUSES,
    AgentPlace,
    Claim,
    EndedRun,
    SampledAttempt,
    StoredAttempt,
    StoredRun,
    cause_of,
)
from runsemble.store.sql import query
from runsemble.store.text import to_store
from runsemble.store.writer import read_lease

#: Runs that are read at a time.
PAGE = 1000
#: Ids that are read at a time.
MANY = 20_000
#: Ends that are looked through for the latest ones of a kind.
RECENT = 20_000
#: So many stretches, evenly spread, make up a sample of what has ended.
WINDOWS = 100


class Reader:
    """A view of a study's file; every method sees what was committed by then.

    Args:
        db: An open connection.
    """

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def settings(self) -> dict[str, Any]:
        """Return every setting, by name."""
        return {name: json.loads(value) for name, value in await self._all("settings")}

    async def recipe(self, id: int) -> dict[str, Any]:  # noqa: A002
        """Return what the runs with this recipe have in common."""
        (row,) = await self._all("recipe", id)
        spec: dict[str, Any] = json.loads(row[0])
        return spec

    async def recipes(self) -> dict[int, dict[str, Any]]:
        """Return what runs have in common, by the id of the recipe."""
        return {id_: json.loads(spec) for id_, spec in await self._all("recipes")}

    async def counts(self) -> dict[StoredStatus, int]:
        """Return how many runs have which status; takes no longer for a million of them."""
        return {STATUSES[number]: count for number, count in await self._all("counts")}

    async def next_id(self) -> int | None:
        """Return the id after the last run's, None if there is no run."""
        ((last,),) = await self._all("last_id")
        return None if last is None else int(last) + 1

    async def run(self, id: int) -> StoredRun | None:  # noqa: A002
        """Return a run, None if there is none with this id."""
        rows = await self._all("run", id)
        return StoredRun(*rows[0]) if rows else None

    async def page(self, first: int = 0, count: int = PAGE, status: StoredStatus | None = None) -> list[StoredRun]:
        """Return up to `count` runs in the order of their ids.

        Args:
            first: The least id.
            count: How many at most.
            status: Only those with this status.
        """
        if status is None:
            rows = await self._all("runs_from", first, count)
        else:
            rows = await self._all("runs_in_state", STATUS_NUMBER[status], first, count)
        return [StoredRun(*row) for row in rows]

    async def runs(self, status: StoredStatus | None = None, first: int = 0) -> AsyncGenerator[StoredRun, None]:
        """Yield runs in the order of their ids, read page by page."""
        while page := await self.page(first, PAGE, status):
            for run in page:
                yield run
            first = page[-1].id + 1

    async def ids(self, statuses: Sequence[StoredStatus] = ()) -> list[int]:
        """Return the ids of the runs with one of these statuses, of all if none is given, in order."""
        rows = [row for status in set(statuses) for row in await self._all("ids_in_state", STATUS_NUMBER[status])]
        texts = [text for (text,) in (rows if statuses else await self._all("ids"))]
        return await anyio.to_thread.run_sync(_ids_in, texts)  # a million of them at once, not a row each

    async def by_identity(self, identity: bytes) -> list[int]:
        """Return the ids of the runs with this identity, in order."""
        return [id_ for (id_,) in await self._all("by_identity", identity)]

    async def directory_conflict(self, directory: str, *, is_alone: bool = True) -> int | None:
        """Return the id of a run that has this directory, or one above or below it; None if there is none.

        Args:
            directory: Seen from the study's.
            is_alone: Whether none may be above it or below it.
        """
        if not is_alone:
            rows = await self._all("in_directory", to_store(directory))
            return int(rows[0][0]) if rows else None
        parts = directory.split("/")
        for depth in range(len(parts), 0, -1):
            rows = await self._all("in_directory", to_store("/".join(parts[:depth])))
            if rows:
                return int(rows[0][0])
        between = to_store(directory + "/"), to_store(directory + "0")  # "0" comes after "/"
        rows = await self._all("below_directory", *between)
        return int(rows[0][0]) if rows else None

    async def attempts(self, run: int) -> list[StoredAttempt]:
        """Return every attempt at a run, the first one first."""
        return [StoredAttempt(*row) for row in await self._all("attempts", run)]

    async def pending_before(self, id: int) -> int:  # noqa: A002
        """Return how many pending runs have a lower id; an index answers that, without the runs."""
        ((count,),) = await self._all("pending_before", id)
        return int(count)

    async def pending_alike(self) -> list[tuple[int, int, int]]:
        """Return how many pending runs have no commands of their own: recipe, step that comes next, how many."""
        return [(recipe, step, count) for recipe, step, count in await self._all("pending_alike")]

    async def pending_apart(self) -> AsyncGenerator[StoredRun, None]:
        """Yield the pending runs that have commands of their own."""
        first = 0
        while rows := await self._all("pending_apart", first, PAGE):
            for row in rows:
                yield StoredRun(*row)
            first = rows[-1][0] + 1

    async def sample_attempts(self, most: int) -> list[SampledAttempt]:
        """Return attempts at runs that have ended; if there are more than `most`, so many, spread over all of them."""
        last = await self.last_end()
        windows = 1 if last <= most else WINDOWS
        width = min(last, most) // windows
        found: dict[SampledAttempt, None] = {}  # a run that ended twice is met twice
        for number in range(windows):
            first = 1 + number * last // windows
            rows = await self._all("sample_attempts", first, first + width)
            found.update(dict.fromkeys(SampledAttempt(*row) for row in rows))
        return list(found)

    async def result(self, run: int) -> tuple[str, str] | None:
        """Return what a run posted, as the agent found it (see `agent.harvest.result_in`); None if nothing."""
        rows = await self._all("result", run)
        return (rows[0][0], rows[0][1]) if rows else None

    async def last_attempts(self, runs: Sequence[int]) -> Mapping[int, StoredAttempt]:
        """Return the latest attempt at each of several runs, by id; those before their first one are missing."""
        return {run: attempts[-1] for run, attempts in (await self.attempts_of(runs)).items()}

    async def attempts_of(self, runs: Sequence[int]) -> dict[int, list[StoredAttempt]]:
        """Return every attempt at several runs, the first one first, by id; runs without any are missing."""
        found: dict[int, list[StoredAttempt]] = {}
        for at in range(0, len(runs), PAGE):
            some = runs[at : at + PAGE]
            sql = query("attempts_of").replace("(?)", f"({','.join('?' * len(some))})")
            async with self._db.execute(sql, some) as cursor:
                for row in await cursor.fetchall():
                    found.setdefault(row[0], []).append(StoredAttempt(*row))
        return found

    async def ends(self, after: int, count: int = PAGE) -> list[tuple[int, int]]:
        """Return which runs have ended: the number of each end, and the run's id, in order.

        Args:
            after: The number of an end; those after it.
            count: How many at most.
        """
        return [(seq, run) for seq, run in await self._all("ends_after", after, count)]

    async def ended(self, after: int, count: int) -> list[EndedRun]:
        """Return ends of runs in order, with where those runs stand by now; see `ends`."""
        return [EndedRun(*row) for row in await self._all("ended_after", after, count)]

    async def last_end(self) -> int:
        """Return the number of the latest end, 0 if no run has ended."""
        ((last,),) = await self._all("last_end")
        return int(last)

    async def reply(self, command: str) -> Any:
        """Return what came of a command of another process, None if it has not been carried out."""
        rows = await self._all("command", command)
        return json.loads(rows[0][0]) if rows else None

    async def agents(self) -> list[AgentPlace]:
        """Return the agents that may know what is not written here."""
        return [AgentPlace(*row) for row in await self._all("agents")]

    async def guests(self) -> dict[str, Holder]:
        """Return the guests, by name."""
        return {name: Holder.parse(who) for name, who in await self._all("guests")}

    async def claims(self) -> list[Claim]:
        """Return the runs that are guests', in the order of their ids."""
        return [Claim(*row) for row in await self._all("claims")]

    async def condemned(self) -> list[int]:
        """Return the runs that were killed while they were under way, and of whose end nobody has heard."""
        return [run for (run,) in await self._all("condemned")]

    async def orders(self, guest: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what a guest is to do, in order: a name, what, and its arguments."""
        return [(name, what, json.loads(arguments)) for name, what, arguments in await self._all("orders", guest)]

    async def lease(self) -> Lease:
        """Return who drives the study."""
        return await read_lease(self._db)

    async def events(self, after: int = 0) -> list[tuple[float, str, str]]:
        """Return what happened to the study as a whole: when (UTC epoch seconds), what, in words."""
        return [(time, kind, text) for time, kind, text in await self._all("events", after)]

    async def where(self, condition: str, values: Sequence[Any], limit: int, first: int = 0) -> list[StoredRun]:
        """Return runs that fulfil a condition in SQL over the columns of ``runs``; for callers who made it.

        Args:
            condition: SQL with ``?`` for values.
            values: Those.
            limit: How many at most.
            first: The least id.
        """
        columns = query("runs_from").split("FROM")[0]
        sql = f"{columns} FROM runs WHERE id >= ? AND ({condition}) ORDER BY id LIMIT ?"
        async with self._db.execute(sql, (first, *values, limit)) as cursor:
            return [StoredRun(*row) for row in await cursor.fetchall()]

    async def ids_where(self, condition: str, values: Sequence[Any], limit: int, first: int = 0) -> list[int]:
        """Return the ids of runs that fulfil a condition; see `where`."""
        sql = f"SELECT id FROM runs WHERE id >= ? AND ({condition}) ORDER BY id LIMIT ?"
        return [id_ for (id_,) in await self.select(sql, [first, *values, limit])]

    async def select(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a query; for callers who made it."""
        async with self._db.execute(sql, values) as cursor:
            return list(await cursor.fetchall())

    async def count_where(self, condition: str, values: Sequence[Any]) -> int:
        """Return how many runs fulfil a condition; see `where`."""
        async with self._db.execute(f"SELECT count(*) FROM runs WHERE {condition}", values) as cursor:
            ((count,),) = await cursor.fetchall()
        return int(count)

    async def nth_where(self, condition: str, values: Sequence[Any], skip: int) -> int | None:
        """Return the id of the run after the first `skip` that fulfil a condition, None if there is none."""
        sql = f"SELECT id FROM runs WHERE {condition} ORDER BY id LIMIT 1 OFFSET ?"
        async with self._db.execute(sql, [*values, skip]) as cursor:
            rows = list(await cursor.fetchall())
        return rows[0][0] if rows else None

    async def causes(self, status: StoredStatus) -> dict[Cause | None, int]:
        """Return how many of the runs with a status ended for which cause."""
        return {cause_of(number): count for number, count in await self._all("causes", STATUS_NUMBER[status])}

    async def latest_ends(self, statuses: Sequence[StoredStatus], count: int) -> list[int]:
        """Return which runs ended last among those with one of these statuses, the latest first.

        Only the last `RECENT` ends are looked at.
        """
        numbers = [STATUS_NUMBER[status] for status in statuses]
        sql = query("latest_ends").replace("(?)", f"({','.join('?' * len(numbers))})")
        async with self._db.execute(sql, [RECENT, *numbers, count]) as cursor:
            return [run for (run,) in await cursor.fetchall()]

    async def results(self, runs: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        """Return what several runs posted, by id."""
        if not runs:
            return {}
        sql = f"SELECT run, kind, value FROM results WHERE run IN ({','.join('?' * len(runs))})"
        async with self._db.execute(sql, runs) as cursor:
            return {run: (kind, value) for run, kind, value in await cursor.fetchall()}

    async def _all(self, name: str, *values: Any) -> list[Any]:
        async with self._db.execute(query(name), values) as cursor:
            return list(await cursor.fetchall())


def _ids_in(texts: Sequence[str]) -> list[int]:
    """Return the ids in lists in JSON, in order."""
    return sorted(id_ for text in texts for id_ in json.loads(text))


@asynccontextmanager
async def reading(directory: str) -> AsyncIterator[Reader]:
    """Yield a reader of the study in `directory`; for errors see `connection.open_for_reading`."""
    async with connection.open_for_reading(directory) as db:
        yield Reader(db)
