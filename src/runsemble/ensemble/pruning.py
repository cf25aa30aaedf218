"""Removes what is not kept of the directories of runs, a little after their ends have been written down.

It follows the journal of ends, of which only that can be read which is on disk. How far it has come is written down
now and then: whoever drives the study next goes on there, so that what a driver leaves that dies is removed, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread

from runsemble.closing import see_through
from runsemble.ensemble.keeping import beating
from runsemble.ensemble.recorder import Recorder
from runsemble.errors import LeaseError, StoreError
from runsemble.model.events import Note
from runsemble.runners.bus import EventBus
from runsemble.store.reader import Reader, reading
from runsemble.store.records import EndedRun
from runsemble.store.text import to_store
from runsemble.store.writer import Statement, Writer
from runsemble.workdir.clearing import clear_directory
from runsemble.workdir.keep import Keep, kept_names
from runsemble.workdir.layout import post_of, run_directory

#: The settings: what is kept, and the number of the end up to which that has been seen to.
KEEP, UNTIL = "keep", "pruned_until"
#: Ends that are looked at in one go, during which no command of another process is carried out.
SLICE = 100
#: Seconds for which what was read of a run holds; no other driver can have had it executed again in that time.
FRESH_S = 2.0
#: Ends after which it is written down how far it has come.
MARK = 1000
#: Seconds between two looks for ends.
LOOK_S = 0.25
#: Pieces of news that a directory stands for which is yet to be removed, so that there are never too many.
WEIGHT = 5
#: Seconds that the removing may take when a study ends with an error.
LAST_S = 5.0


def keep_settings(keep: Keep) -> dict[str, Any]:
    """Return the settings of a study of which this is to be kept."""
    return {} if keep == "all" else {KEEP: keep, UNTIL: 0}


def change_keep(settings: Mapping[str, Any], keep: Keep) -> dict[str, Any]:
    """Return the settings that have to change so that this is kept of all runs, those that have ended included."""
    return {} if settings.get(KEEP, "all") == keep else {KEEP: keep, UNTIL: 0}


@asynccontextmanager
async def pruning(
    recorder: Recorder, writer: Writer, settings: Mapping[str, Any], bus: EventBus, turn: asyncio.Lock | None = None
) -> AsyncIterator[None]:
    """Remove what is not kept while the block runs, and what was left before; on return nothing is left.

    Args:
        recorder: Writes the ends down; it must have come to its end when the block has.
        writer: Holds the lease.
        settings: The study's.
        bus: Hears of what cannot be removed.
        turn: Held by whoever may let runs be executed again.
    """
    keep: Keep = settings.get(KEEP, "all")
    if keep == "all":
        yield
        return
    async with reading(writer.directory) as reader:
        last = await reader.last_end()
        work = Pruning(writer, reader, bus, keep, min(settings.get(UNTIL, last), last), turn or asyncio.Lock())
        async with beating(writer):
            await work.follow()
        work.followed = 0
        recorder.backlog = lambda: WEIGHT * max(0, recorder.ended_count - work.followed)
        following = asyncio.get_running_loop().create_task(_keep_following(work, recorder))
        limit_s: float | None = LAST_S
        try:
            yield
            limit_s = None
        finally:
            await see_through(_finish(work, writer, following, limit_s), work.make_haste)


async def _keep_following(work: Pruning, recorder: Recorder) -> None:
    seen = 0
    while True:
        await anyio.sleep(LOOK_S)
        if recorder.ended_count != seen:
            count, is_all_written = recorder.ended_count, recorder.is_up_to_date
            with suppress(StoreError):
                await work.follow()
                seen = count if is_all_written else seen


async def _finish(work: Pruning, writer: Writer, following: asyncio.Task[None], limit_s: float | None) -> None:
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    with suppress(LeaseError, StoreError, TimeoutError):
        async with beating(writer), asyncio.timeout(limit_s):
            await work.follow()


class Pruning:
    """The removing in one study.

    Args:
        writer: Holds the lease.
        reader: Reads the same study.
        bus: Hears of what cannot be removed.
        keep: What is kept.
        after: Number of the end up to which that has been seen to.
        turn: Held by whoever may let runs be executed again.
    """

    def __init__(
        self, writer: Writer, reader: Reader, bus: EventBus, keep: Keep, after: int, turn: asyncio.Lock
    ) -> None:
        self.followed = 0  #: ends that were seen to
        self._writer = writer
        self._reader = reader
        self._bus = bus
        self._keep = keep
        self._after = self._written = after
        self._turn = turn
        self._is_hasty = False
        self._problem = ""  #: the first one, until it has been told
        self._has_told = False

    async def follow(self) -> None:
        """Remove what is not kept of every run whose end is written down.

        Raises:
            LeaseError: Another process has taken the study over.
            StoreError: The record cannot be read, or how far it has come not be written down.
        """
        while not self._is_hasty and await self._take_slice():
            if self._after - self._written >= MARK:
                await self._write()
        if self._after != self._written:
            await self._write()

    def make_haste(self) -> None:
        """Let `follow` end soon; whoever drives the study next does the rest."""
        self._is_hasty = True

    async def _take_slice(self) -> bool:
        async with self._turn:
            began = time.monotonic()
            await self._writer.require_lease()
            ends = await self._reader.ended(self._after, SLICE)
            done = await anyio.to_thread.run_sync(self._prune, ends, began + FRESH_S) if ends else 0
        self.followed += done
        return bool(ends)

    def _prune(self, ends: Sequence[EndedRun], until: float) -> int:
        """Remove what is not kept of some runs; return to how many it came in time."""
        for count, end in enumerate(ends):
            if time.monotonic() > until:
                return count
            try:
                self._prune_one(end)
            except OSError as error:
                self._problem = self._problem or f"the directory of run {end.id} cannot be removed: {error}"
            self._after = end.seq
        return len(ends)

    def _prune_one(self, end: EndedRun) -> None:
        names = kept_names(self._keep, end.status)
        if names is None:
            return
        study = self._writer.directory
        rescue = post_of(study, end.id) if end.result_kind == "file" and not names else None
        clear_directory(run_directory(study, end.id, end.directory), names, study, rescue)

    async def _write(self) -> None:
        statements: list[Statement] = [("set_setting", [(UNTIL, str(self._after))])]
        if self._problem and not self._has_told:
            statements.append(("add_events", [(time.time(), "keep", to_store(self._problem))]))
            self._bus.publish(Note(self._problem))
            self._has_told = True
        await self._writer.commit(statements)
        self._written = self._after
