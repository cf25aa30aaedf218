"""Follows a study that another process drives, by reading its record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from runsemble.display.status import StatusDisplay
from runsemble.display.tally import FAILED
from runsemble.ensemble.look import Look
from runsemble.ensemble.overview import drivers_of
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus, StoredStatus
from runsemble.store.lease import EXPIRY_S

#: Seconds between two looks.
LOOK_S = 0.5
#: Ends of runs that are read at a time.
_ENDS = 1000
#: Ends of which more than this have gathered between two looks are counted only.
_LEARNED = 200
#: Runs under way whose ages are looked up.
_AGES = 1000

#: What stored statuses count as in a bar.
_COUNTS_AS: dict[StoredStatus, RunStatus] = {
    "pending": "pending", "running": "running", "success": "success", "failure": "failure", "killed": "failure",
    "aborted": "failure", "skipped": "skipped",
}  # fmt: skip


async def until_driver_ends(look: Look, act: Callable[[], Awaitable[None]]) -> bool:
    """Act now and then, until the driver of a study has ended; False if it gives no sign of life any more.

    Args:
        look: The open record.
        act: Takes in what has happened; once more when the driver has ended.
    """
    beat, beat_at = (-1, -1), time.monotonic()
    while True:
        lease = await look.reader.lease()
        if (lease.epoch, lease.beat) != beat:
            beat, beat_at = (lease.epoch, lease.beat), time.monotonic()
        drivers = await drivers_of(look.reader)
        await act()
        if not drivers:
            return True
        if time.monotonic() - beat_at > EXPIRY_S:
            return False
        await asyncio.sleep(LOOK_S)


class Follower:
    """Follows a study until its driver has ended.

    Args:
        look: The open record.
        counts: How many runs had which status at first.
        shows_clock: Whether to say at what time it will be over.
    """

    def __init__(self, look: Look, counts: Mapping[StoredStatus, int], *, shows_clock: bool = False) -> None:
        self._look = look
        self._statistics = statistics_of(counts)
        total, done = self._statistics.total_count, self._statistics.ended_count
        self._display = StatusDisplay(
            lambda: self._statistics, total, shows_clock=shows_clock, says_end=False, done_before=done
        )
        self._after = 0

    async def follow(self) -> bool:
        """Show what happens until the driver has ended; False if it gives no sign of life any more."""
        self._after = await self._look.reader.last_end()
        async with self._display.keep_drawing():
            return await until_driver_ends(self._look, self._take_in)

    async def _take_in(self) -> None:
        self._after = await self._take_ends(self._after)
        await self._take_counts()

    async def _take_counts(self) -> None:
        self._statistics = statistics_of(await self._look.reader.counts())
        self._display.set_total(self._statistics.total_count)
        if self._statistics.running_count <= _AGES:
            running = await self._look.reader.ids(["running"])
            now = time.time()
            for id_, attempt in (await self._look.reader.last_attempts(running)).items():
                self._display.take_in(id_, max(0.0, now - (attempt.started or now)))

    async def _take_ends(self, after: int) -> int:
        """Take in which runs have ended, and how; return the number of the last end."""
        while ends := await self._look.reader.ends(after, _ENDS):
            after = ends[-1][0]
            for _, id_ in ends:
                self._display.end(id_, is_telling=False)
            for run in [await self._look.run(id_) for _, id_ in ends[-_LEARNED:]]:
                if run.status == "success" and run.usage is not None:
                    self._display.learn(run.usage.wall_s)
                elif run.status in FAILED:
                    self._display.fail(run.id, run.message, run.last_words, run.trail)
        return after


def statistics_of(counts: Mapping[StoredStatus, int]) -> RunStatistics:
    """Return what a bar is drawn from."""
    statistics = RunStatistics()
    for status, count in counts.items():
        statistics.add(_COUNTS_AS[status], count)
    return statistics
