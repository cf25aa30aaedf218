"""Takes over what agents know of runs that another driver has begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runsemble.agent.protocol import AGENT_LOST, Exit
from runsemble.nodes.place import Place
from runsemble.runners.dispatch import Dispatcher
from runsemble.runners.job import Job
from runsemble.runners.lease import Lease
from runsemble.runners.recording import Record
from runsemble.runners.station import Station
from runsemble.sched.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """What an engine takes over from others before it, and hands on to others after it."""

    epoch: int = 1  #: grows with every driver of a study; agents obey the latest
    orphans: Literal["kill", "finish"] = "kill"  #: what becomes of runs when this process dies
    spool_directory: str | None = None  #: where agents write what they know, to be found by whoever comes after
    places: Sequence[Place] = ()  #: agents that may still be there
    inherited: Mapping[int, Job] = field(default_factory=dict)  #: runs that they may know of, by number
    unwanted: frozenset[int] = frozenset()  #: numbers of runs that are not to go on
    record: Record | None = None  #: where everything is written down from the beginning


_LOST = "the agent that knew of it is gone, so its exit code is unknown"

#: Nothing was there before.
FIRST_TENURE = Tenure()


class Heirs:
    """The runs that an engine takes over, until every agent has told what it knows of them.

    Args:
        tenure: Which runs.
        pool: What they hold is taken out of it.
        dispatcher: Where they are going to wait.
    """

    def __init__(self, tenure: Tenure, pool: Pool, dispatcher: Dispatcher) -> None:
        self.strangers: set[int] = set()  #: numbers of runs that agents told of, and that are none of them
        self._inherited = dict(tenure.inherited)
        self._unwanted = tenure.unwanted
        self._pool = pool
        self._dispatcher = dispatcher
        self._is_settled = False

    def holds(self, job: Job) -> bool:
        """Tell whether a run must not wait for its start yet: an agent may have started it already."""
        return not self._is_settled and self._inherited.get(job.number) is job

    def heir(self, record: Exit) -> Job | None:
        """Return the run that an exit is news of, set to the step that has ended; None if it is no news."""
        job = self._inherited.get(record.run) if not self._is_settled else None
        if job is None:
            return None
        at = (record.attempt, record.step)
        if job.machine.is_over or at < (job.machine.attempt, job.machine.step):
            return None
        if at > (job.machine.attempt, job.machine.step):
            before = job.machine.status
            job.machine.resume(*at)
            job.table.statistics.move(before, job.machine.status)
            job.enter_step(record.step)
        return job

    def past(self, record: Exit) -> Job | None:
        """Return the run of which an exit tells a step or an attempt that another one has followed already."""
        job = self._inherited.get(record.run) if not self._is_settled else None
        is_past = job is not None and (record.attempt, record.step) < (job.machine.attempt, job.machine.step)
        return job if is_past else None

    def adopt(self, station: Station, live: Sequence[Sequence[Any]]) -> Iterator[tuple[Job, int, float]]:
        """Take over the runs that an agent says are alive.

        Yields:
            Each run, with its process id and when it started (UTC epoch seconds).
        """
        for number, attempt, step, pid, started, lease_id, env in live:
            job = self._inherited.get(number)
            if job is None:
                if number in self._unwanted:
                    station.end_stranger(number, attempt)
                elif number not in station.jobs and not self._is_settled:
                    self.strangers.add(number)
                continue
            if self._is_settled or job.machine.is_over:
                continue
            before = job.machine.status
            job.machine.resume(attempt, step, is_running=True)
            job.table.statistics.move(before, "running")
            job.enter_step(step)
            station.jobs[number] = job
            job.place = station
            if lease_id is not None:
                self._take_lease(station, job, lease_id, env)
            yield job, pid, started

    def _take_lease(self, station: Station, job: Job, lease_id: int, env: Mapping[str, str]) -> None:
        cores = tuple(int(core) for core in env.get("RUNSEMBLE_CORES", "").split(",") if core.isdigit())
        gpus = tuple(gpu for gpu in env.get("RUNSEMBLE_GPUS", "").split(",") if gpu)
        grant = self._pool.adopt(station.node_index, job.plan.shape, cores, gpus)
        lane = self._dispatcher.lane(job.plan)
        job.lease = station.leases[lease_id] = Lease(lease_id, lane, grant, [lease_id, list(cores), dict(env)])

    @property
    def jobs(self) -> list[Job]:
        """The runs."""
        return list(self._inherited.values())

    def settle(self) -> tuple[list[Job], list[Exit]]:
        """Take in that every agent has told what it knows.

        Returns:
            The runs that wait for their start; and records for those that have begun, and of which no agent knows.
        """
        jobs = [job for job in self.jobs if not job.machine.is_over and job.place is None]
        waiting = [job for job in jobs if job.machine.status == "pending"]
        lost = [
            Exit.never_ran(job.number, job.machine.attempt, job.machine.step, AGENT_LOST, _LOST)
            for job in jobs
            if job.machine.status != "pending"
        ]
        return waiting, lost

    def close(self) -> None:
        """Take over nothing more."""
        self._is_settled = True
        self._inherited.clear()
