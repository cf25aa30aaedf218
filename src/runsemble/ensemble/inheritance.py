"""Finds out which runs agents of former drivers may know of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import anyio.to_thread

from runsemble.agent.place import left_spool_path
from runsemble.agent.spool import replay
from runsemble.ensemble.book import Binder
from runsemble.ensemble.private import private_directory
from runsemble.errors import UsageError
from runsemble.model.status import Cause
from runsemble.nodes.place import Place
from runsemble.runners.job import Job
from runsemble.runners.table import RunTable
from runsemble.store.reader import Reader
from runsemble.store.records import StoredAttempt, StoredRun


async def inherited_places(reader: Reader, directory: str) -> list[Place]:
    """Return the agents of former drivers that may still know something: those whose spool or directory is there."""
    places = [Place(agent.node, agent.place, agent.spool) for agent in await reader.agents() if agent.guest is None]
    private = private_directory(directory)
    found = await anyio.to_thread.run_sync(lambda: [_find_spool(place, private) for place in places])
    return [place for place in found if place is not None]


def _find_spool(place: Place, private: str) -> Place | None:
    """Return an agent with its spool, wherever that is by now; None if it is nowhere."""
    left = left_spool_path(private, place.directory)
    for spool in (place.spool, left):
        if os.path.exists(spool):
            return place._replace(spool=spool)
    return place if os.path.exists(place.directory) else None


class Inheritance(NamedTuple):
    """What agents of former drivers may know of."""

    places: list[Place]
    jobs: dict[int, Job]  #: runs to go on with, by number
    unwanted: frozenset[int]  #: numbers of runs that are not to be gone on with

    @property
    def condemned(self) -> list[Job]:
        """Those of the jobs that were to be ended when their driver died."""
        return [job for job in self.jobs.values() if job.stop_cause is not None]


#: Nobody was there before.
NO_INHERITANCE = Inheritance([], {}, frozenset())


async def find_inheritance(reader: Reader, directory: str, binder: Binder, table: RunTable) -> Inheritance:
    """Return what agents of former drivers may know of; the jobs are in the table, which counts them already.

    Runs that are under way as far as the store knows are among them, even if no agent knows of them any more; but not
    those of guests, nor what their agents know.

    Args:
        reader: The study's.
        directory: Its directory.
        binder: Makes jobs.
        table: Where they are put.
    """
    places = await inherited_places(reader, directory)
    numbers = await anyio.to_thread.run_sync(_numbers_in, [place.spool for place in places])
    theirs = {claim.run for claim in await reader.claims()}
    runs = {run.id: run async for run in reader.runs("running") if run.id not in theirs}
    unwanted = set()
    for number in numbers:
        run = runs.get(number - table.base) or await reader.run(number - table.base)
        if run is not None and run.status in ("pending", "running") and run.id not in theirs:
            runs[run.id] = run
        else:
            unwanted.add(number)
    jobs = {}
    made = await reader.attempts_of(list(runs))
    condemned = set(await reader.condemned())
    for run in runs.values():
        job = _bind(run, made.get(run.id, ()), binder)
        job.stop_cause = Cause.KILLED if run.id in condemned else None
        table.add(job, is_known=True)
        jobs[job.number] = job
    return Inheritance(places, jobs, frozenset(unwanted))


def _numbers_in(spools: Sequence[str]) -> set[int]:
    numbers: set[int] = set()
    for spool in spools:
        remains = replay(spool)
        numbers |= {run for run, _, _ in remains.open} | {record.run for record in remains.exits.values()}
    return numbers


def _bind(run: StoredRun, made: Sequence[StoredAttempt], binder: Binder) -> Job:
    try:
        return binder.bind(run, made)
    except UsageError:
        return binder.bind_nothing(run)
