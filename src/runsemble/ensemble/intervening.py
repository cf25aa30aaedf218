"""Lets other processes change a study of `multirun` while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio.to_thread

from runsemble.ensemble.attending import Attendant
from runsemble.ensemble.book import Binder, Book
from runsemble.ensemble.commands import Desk, Reserved
from runsemble.ensemble.recorder import Recorder
from runsemble.ensemble.submission import Submission
from runsemble.runners.engine import Engine
from runsemble.runners.pooled_study import UnderWay
from runsemble.runners.study import Study
from runsemble.runners.table import Row, RunTable
from runsemble.store.reader import reading
from runsemble.store.records import STATUS_NUMBER, NewRun, StoredRun
from runsemble.store.text import from_store
from runsemble.store.writer import Writer


@dataclass(frozen=True, slots=True)
class Taking:
    """Where further runs of a study are taken in."""

    study: Study
    recipe: int  #: the id of its recipe
    table: RunTable
    engine: Engine
    known: set[int]  #: ids of runs that the record has already
    killed: set[int] = field(default_factory=set)  #: ids of runs that were killed before they were asked for
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  #: held by whoever carries commands out


class Intervention:
    """A study under way, as far as commands of other processes change it; see `commands.Live`.

    Args:
        under_way: The study.
        recorder: Records it.
        taking: Where further runs go.
        book: Its recipes.
    """

    def __init__(self, under_way: UnderWay, recorder: Recorder, taking: Taking, book: Book) -> None:
        self._under_way = under_way
        self._recorder = recorder
        self._taking = taking
        self._table, self._engine = taking.table, taking.engine
        binder = Binder(book, taking.table, under_way.new_plan)
        self._submission = Submission(binder, taking.table, taking.engine)

    async def kill(self, runs: Sequence[int], how: str) -> set[int]:
        """End these runs for good."""
        return await self._recorder.kill(self._engine, runs, how)

    def count_killed(self, runs: Sequence[StoredRun]) -> None:
        """Take in that these runs are killed, which nobody has asked for so far."""
        self._taking.killed.update(run.id for run in runs)

    def take_again(self, runs: Iterable[StoredRun]) -> None:
        """Execute these runs again, unless the study is being ended: then they stay pending."""
        if not self._under_way.is_ending:
            self._submit([run._replace(status_number=STATUS_NUMBER["pending"], forgiven=run.attempt) for run in runs])

    def reserve(self, count: int) -> Reserved:
        """Keep ids for further runs, which no parameter set gets."""
        taking = self._taking
        return Reserved(self._under_way.order.reserve(count), taking.recipe, taking.study)

    def take_more(self, rows: Sequence[NewRun]) -> None:
        """Execute runs that were added, unless the study is being ended: then they stay pending."""
        if not self._under_way.is_ending:
            self._submit([_as_stored(row) for row in rows])

    def _submit(self, runs: Sequence[StoredRun]) -> None:
        new = [run.id for run in runs if not self._table.is_kept(run.id)]
        self._taking.known.update(run.id for run in runs)
        self._taking.killed.difference_update(run.id for run in runs)
        for run in runs:
            self._recorder.forgive(run.id)
            self._under_way.forget_end(run.id)
            entry = self._table.entry(run.id) if self._table.is_kept(run.id) else None
            if isinstance(entry, Row):
                self._table.statistics.move(entry.status, "pending")
            self._submission.submit(run, is_known=entry is not None)
        self._under_way.order.add(new)
        self._under_way.take_more(len(new))
        self._engine.pump()

    def drain(self) -> int:
        """Start nothing more."""
        return self._under_way.drain()

    def finish(self) -> None:
        """Start nothing more."""
        self._under_way.drain()

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs."""
        return self._under_way.halt(how)

    def resize(self, count: int) -> None:
        """Have so many runs at the same time from now on."""
        self._engine.resize(count)


def _as_stored(row: NewRun) -> StoredRun:
    directory = from_store(row.directory) if isinstance(row.directory, bytes) else row.directory
    return StoredRun(row.id, row.recipe, row.params_text, row.own or None, directory or None, 0, None, 0, 0, None, None)


@asynccontextmanager
async def attend(writer: Writer, recorder: Recorder, taking: Taking, under_way: UnderWay) -> AsyncIterator[Attendant]:
    """Carry out what other processes ask for while the block runs.

    Nothing is opened before the first command comes.

    Args:
        writer: Holds the lease.
        recorder: Records the study.
        taking: Where further runs go.
        under_way: The study.
    """
    desks: list[Desk] = []
    async with AsyncExitStack() as stack:

        async def get_desk() -> Desk:
            if not desks:
                reader = await stack.enter_async_context(reading(writer.directory))
                book = await anyio.to_thread.run_sync(Book, writer.directory, await reader.recipes())
                desks.append(Desk(writer, reader, book, Intervention(under_way, recorder, taking, book)))
            return desks[0]

        attendant = Attendant(writer.directory, taking.engine, get_desk, taking.turn)
        async with attendant.attending():
            yield attendant
