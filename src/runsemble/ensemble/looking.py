"""What an ensemble tells of itself and its runs."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from runsemble.ensemble.errands import Completion
from runsemble.ensemble.export import Exported, Target, export
from runsemble.ensemble.following import Piece, follow, read_output
from runsemble.ensemble.home import Home
from runsemble.ensemble.logs import Stream
from runsemble.ensemble.look import Look, looking
from runsemble.ensemble.overview import living_guests
from runsemble.ensemble.rows import dataframe_of
from runsemble.ensemble.view import EnsembleRun
from runsemble.ensemble.why import Why, find_why
from runsemble.errors import UsageError
from runsemble.model.status import StoredStatus
from runsemble.store.lease import Holder
from runsemble.store.reader import reading
from runsemble.store.records import STATUSES
from runsemble.workdir.layout import run_directory

if TYPE_CHECKING:
    import pandas


class Looking(Home):
    """What can be asked of an ensemble, from any process."""

    async def counts(self) -> dict[StoredStatus, int]:
        """Return how many runs have which status; takes no longer for a million runs."""
        async with reading(self.path) as reader:
            return await reader.counts()

    async def driver(self) -> Holder | None:
        """Return the process that drives it, None if nobody does."""
        async with reading(self.path) as reader:
            lease = await reader.lease()
        return None if lease.is_free_now else lease.holder

    async def guests(self) -> tuple[Holder, ...]:
        """Return the processes that take part beside the one that drives it; see `execute`, `allow_multiple`."""
        async with reading(self.path) as reader:
            return await living_guests(reader)

    async def completion(self) -> Completion | None:
        """Return the command that is run when nothing is pending any more, None if there is none."""
        async with reading(self.path) as reader:
            value = (await reader.settings()).get("on_completion")
        return None if value is None else Completion(**value)

    async def count_by_status(self, *statuses: StoredStatus) -> int:
        """Return how many runs have one of these statuses; all are counted if none is given."""
        counts = await self.counts()
        return sum(counts[require_status(status)] for status in statuses or STATUSES)

    async def progress(self) -> tuple[int, int]:
        """Return how many runs have ended, and how many there are."""
        counts = await self.counts()
        total = sum(counts.values())
        return total - counts["pending"] - counts["running"], total

    async def filter_by_status(self, *statuses: StoredStatus) -> tuple[int, ...]:
        """Return the ids of the runs with one of these statuses, in order; of all if none is given."""
        for status in statuses:
            require_status(status)
        async with reading(self.path) as reader:
            return tuple(await reader.ids(statuses))

    async def run(self, id: int) -> EnsembleRun:  # noqa: A002
        """Return a run.

        Raises:
            UsageError: There is none with this id.
        """
        async with self._looking() as look:
            return await look.run(id)

    async def runs(self, *statuses: StoredStatus, first: int = 0) -> AsyncGenerator[EnsembleRun, None]:
        """Yield runs in the order of their ids, with their results and latest attempts.

        Args:
            statuses: Only those with one of these; all if none is given.
            first: Start with this id.
        """
        for status in statuses:
            require_status(status)
        async with self._looking() as look:
            async for run in look.runs(statuses, first):
                yield run

    async def run_dirs(self, *, nonexistent: bool = False) -> AsyncGenerator[tuple[int, str], None]:
        """Yield the id of every run with its directory, absolute.

        Args:
            nonexistent: Those that do not exist yet, too.
        """
        async with reading(self.path) as reader, aclosing(reader.runs()) as runs:
            async for run in runs:
                directory = run_directory(self.path, run.id, run.directory)
                if nonexistent or await anyio.to_thread.run_sync(os.path.isdir, directory):
                    yield run.id, directory

    async def why(self, run: int) -> Why:
        """Return why a run is pending, running, tried again, or ended as it did: a sentence, and where to look.

        Raises:
            UsageError: There is no such run.
        """
        async with self._looking() as look:
            return await find_why(look, run, self.path)

    async def output(
        self, run: int, stream: Stream = "both", *, attempt: int | None = None, lines: int | None = None
    ) -> list[Piece]:
        """Return what a run has written, stdout and stderr each in one piece.

        Args:
            run: Its id.
            stream: "both", "stdout" or "stderr"; that makes no difference where both were merged.
            attempt: Of which attempt, from 1; None: of the latest.
            lines: The last so many lines of each; None: all.

        Raises:
            UsageError: There is no such run or attempt, or its output is not kept.
        """
        one = await self.run(run)
        return await anyio.to_thread.run_sync(read_output, one, stream, attempt, lines)

    async def follow(
        self, run: int, stream: Stream = "both", *, lines: int | None = None
    ) -> AsyncGenerator[Piece, None]:
        """Yield what a run has written and then what it writes, from attempt to attempt, until it has ended.

        Args:
            run: Its id.
            stream: See `output`.
            lines: Begin with the last so many lines of each; None: with the first.

        Raises:
            UsageError: There is no such run, or its output is not kept.
        """
        async with self._looking() as look, aclosing(follow(lambda: look.run(run), stream, lines)) as pieces:
            async for piece in pieces:
                yield piece

    async def export(
        self,
        target: Target,
        format: str,  # noqa: A002
        statuses: Iterable[StoredStatus] = (),
        *,
        allow_pickle: bool = False,
    ) -> Exported:
        """Write a row per run: its id, parameters, results, and what is known of it, as `to_dataframe` names them.

        Runs are read and written piece by piece, so their number makes no difference to memory.

        Args:
            target: A path, at which the file appears when it is whole; or an open file, binary or of text.
            format: csv, json, yaml or parquet; the last two need the extras of the same name.
            statuses: Only runs with one of these; all if none is given.
            allow_pickle: Load results that are no plain data, which runs code from the study; else they are missing.

        Raises:
            UsageError: There is no such format or status, or the file cannot be written.
            RunsembleError: What a format needs is not installed.
        """
        chosen = [require_status(status) for status in statuses]
        async with self._looking() as look:
            return await export(look, target, format, chosen, allow_pickle=allow_pickle)

    async def to_dataframe(self, *statuses: StoredStatus) -> pandas.DataFrame:
        """Return one row per run, as `MultirunResult.to_dataframe` does; the index is the run's id.

        Args:
            statuses: Only runs with one of these; all if none is given.

        Raises:
            RunsembleError: pandas is not installed.
        """
        return await anyio.to_thread.run_sync(dataframe_of, [run async for run in self.runs(*statuses)])

    def _looking(self) -> AbstractAsyncContextManager[Look]:
        return looking(self.path)


def require_status(status: Any) -> StoredStatus:
    """Return a status when it is one.

    Raises:
        UsageError: It is not.
    """
    for known in STATUSES:
        if status == known:
            return known
    raise UsageError(f"there is no status {status!r}; there are {', '.join(STATUSES)}")
