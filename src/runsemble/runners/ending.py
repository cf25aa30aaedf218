"""Ends runs: those that wait are skipped, those that run are told to stop, and whoever waits for them hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.runners.dispatch import Dispatcher
from runsemble.runners.fleet import Fleet
from runsemble.runners.job import NO_END, Job
from runsemble.runners.station import Station
from runsemble.runners.table import RunTable
from runsemble.sched.retry import RetryPolicy

_NO_RETRY = RetryPolicy(retries=0, max_free=0)


class Ending:
    """The ends of the runs of an engine.

    Args:
        dispatcher: Where runs wait.
        fleet: Where they run.
        tell_room: Called when there may be room for more, or nothing will ever happen again.
    """

    def __init__(self, dispatcher: Dispatcher, fleet: Fleet, tell_room: Callable[[], None]) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._tell_room = tell_room
        self._settled: set[asyncio.Future[None]] = set()

    async def settled(self, table: RunTable) -> None:
        """Wait until no run of a table is active.

        Raises:
            AgentError: The agents cannot be kept alive; nothing more will happen.
        """
        while table.active_count and self._fleet.failure is None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._settled.add(future)
            try:
                await future
            finally:
                self._settled.discard(future)
        if self._fleet.failure is not None:
            raise self._fleet.failure

    def wake(self) -> None:
        """Let everybody look again who waits for the end of runs, or for room."""
        for future in self._settled:
            if not future.done():
                future.set_result(None)
        self._tell_room()

    def end(self, job: Job) -> None:
        """Take in that a run is over, as its machine says."""
        job.table.end(job)
        assert job.machine.cause is not None
        job.table.bus.publish(events.RunEnded(job.id, job.machine.status, job.machine.cause))
        if not job.table.active_count:
            self.wake()

    def skip(self, job: Job, cause: Cause) -> None:
        """Let a run that waits be executed no more."""
        before = job.machine.status
        job.message = job.message or "not run"
        if job.machine.skip(cause):
            if job.machine.status == "skipped":
                job.last = NO_END
            job.table.statistics.move(before, job.machine.status)
            self.end(job)

    def refuse(self, job: Job, reason: str) -> None:
        """Do not start a run, for the reason given."""
        job.message = f"not run: {reason}"
        self.skip(job, Cause.ABORTED)

    def cancel_all(self, jobs: Iterable[Job], cause: Cause, how: str = "stop") -> None:
        """End jobs, in one go over those that wait: skip those that have not started, else stop them.

        It is without effect on those that have ended.
        """
        waiting: set[Job] = set()
        for job in jobs:
            if job.stop_cause is not None and how != "kill":
                continue
            job.stop_cause = cause
            if isinstance(job.place, Station):
                job.place.cancel(job, how)
            else:
                waiting.add(job)
        for job in self._dispatcher.remove(lambda item: item in waiting) if waiting else ():
            self.skip(job, Cause.KILLED if cause is Cause.KILLED else Cause.ABORTED)

    def skip_waiting(self, is_meant: Callable[[Job], bool] = lambda job: True) -> None:
        """Skip every job that has not started; running ones go on."""
        for job in self._dispatcher.remove(is_meant):
            self.skip(job, Cause.ABORTED)
        for station in self._fleet.stations:
            for job in filter(is_meant, station.jobs.values()):
                job.is_unwanted = True
                if job.lease is None:
                    station.cancel(job, "drop")

    def take_back(self, job: Job) -> None:
        """Let a job wait that has not started, wherever it was, or skip it if nobody wants it."""
        if job.stop_cause is not None or job.is_unwanted:
            self.skip(job, Cause.KILLED if job.stop_cause is Cause.KILLED else Cause.ABORTED)
        else:
            self._dispatcher.push(job)

    def abandon(self, job: Job) -> None:
        """Take a job for lost that nobody will ever hear of again."""
        job.table.is_untouched = False  # for all that is known
        if job.machine.status != "running":
            self.skip(job, Cause.ABORTED)
            return
        job.message = "nobody is left to tell how it ended"
        job.machine.end(job.machine.attempt, Cause.AGENT_LOST, _NO_RETRY)
        job.table.statistics.move("running", job.machine.status)
        self.end(job)

    def abandon_all(self) -> None:
        """Take every job for lost, and let nobody wait any more for what will not happen."""
        lost = [job for station in self._fleet.stations for job in station.jobs.values()]
        for job in [*self._dispatcher.remove(lambda _: True), *lost]:
            self.abandon(job)
        self.wake()
