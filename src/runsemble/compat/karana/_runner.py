"""Karana's runners."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runsemble.compat.karana._activity import activity_of
from runsemble.compat.karana._place import Place
from runsemble.compat.karana._runs import OurRun, Run
from runsemble.compat.karana._semaphore import Semaphore
from runsemble.model.stats import RunStatistics
from runsemble.runners import run as native


class AbstractRunner(ABC):
    """What makes a runner."""

    @abstractmethod
    def computeStatistics(self) -> RunStatistics:  # noqa: N802
        """Count the runs by status."""

    @abstractmethod
    def add(self, cmd: list[str], cwd: Path = Path(".")) -> Run:
        """Take in a run of `cmd` in the existing directory `cwd`; return its handle."""

    @abstractmethod
    async def gather(self) -> None:
        """Wait until all runs have ended."""


@dataclass(slots=True)
class _Listed:
    """A study whose runs are listed as they come."""

    runs: Sequence[native.Run]
    place: Place
    count: int = 0  #: runs that are listed already


class ParallelLocalRunner(AbstractRunner):
    """Runs in parallel on this machine.

    It may be used in several event loops, also while one of them waits for another, as a cell of a notebook does that
    calls `multirun`. Then each of them runs so many at the same time.

    Args:
        max_parallel: Runs at the same time.
    """

    def __init__(self, *, max_parallel: int = 4) -> None:
        self._max_parallel = max_parallel
        self._places = [Place(max_parallel)]
        self._studies: list[_Listed] = []
        self._runs: list[Run] = []
        self._count = 0  #: runs that were ever listed
        self._listing = threading.Lock()
        self._semaphore = Semaphore(self._here, self._places)

    @property
    def semaphore(self) -> Semaphore:
        """Has as many places as runs can run at the same time. Who holds one keeps a run from starting."""
        return self._semaphore

    @semaphore.setter
    def semaphore(self, _: object) -> None:
        raise AttributeError(
            "the semaphore of a runner cannot be replaced; how many runs run at the same time is said where the "
            "runner is made: ParallelLocalRunner(max_parallel=1)"
        )

    @property
    def runs(self) -> list[Run]:
        """Every run taken in so far, those of studies included.

        Who takes runs from the list, or sets another one, has only those counted that are in it.
        """
        with self._listing:
            for study in self._studies:
                new = [OurRun(run, study.place) for run in study.runs[study.count :]]
                study.count += len(new)
                self._list(new)
            return self._runs

    @runs.setter
    def runs(self, runs: list[Run]) -> None:
        _ = self.runs  # those of studies that were taken in before
        self._runs, self._count = runs, -1

    def _list(self, runs: Sequence[Run]) -> None:
        self._runs += runs
        if self._count >= 0:
            self._count += len(runs)

    def computeStatistics(self) -> RunStatistics:  # noqa: N802
        """Count the runs by status."""
        if len(self._runs) != self._count:  # the list is the user's own now
            return RunStatistics.of(run.status for run in self.runs)
        return sum((place.runner.compute_statistics() for place in list(self._places)), RunStatistics())

    def add(self, cmd: list[str], cwd: Path = Path(".")) -> Run:
        """Take in a run of `cmd` in the existing directory `cwd`, and start it as soon as a place is free.

        Where no event loop runs, it starts with `gather`.
        """
        _ = self.runs  # what studies have added so far comes before
        try:
            place = self._here()
        except RuntimeError:
            place = self._free_place()
        run = OurRun(place.add(cmd, cwd), place)
        with self._listing:
            self._list([run])
        return run

    async def gather(self) -> None:
        """Wait until all runs have ended, those of studies included; how they ended is no exception.

        When the last one who gathers is cancelled, the added runs are ended; studies go on.
        """
        try:
            while (place := self._busy_place()) is not None:
                await place.gather()
        finally:
            activity_of(self).was_used = True

    def _here(self) -> Place:
        """Return the place of the running event loop.

        Raises:
            RuntimeError: None is running.
        """
        loop = asyncio.get_running_loop()
        for place in self._places:
            if place.is_of(loop) and not place.is_free:
                return place
        place = self._free_place()
        place.bind(loop)
        return place

    def _free_place(self) -> Place:
        for place in self._places:
            if place.is_free:
                return place
        self._places.append(Place(self._max_parallel))
        return self._places[-1]

    def _busy_place(self) -> Place | None:
        """Return a place that has work to be waited for in the running event loop."""
        loop = asyncio.get_running_loop()
        for place in self._places:
            if place.is_of(loop) and place.has_work:
                place.bind(loop)
                return place
        return None

    def _follow(self, runs: Sequence[native.Run], place: Place) -> None:
        """List the runs of a study, too."""
        self._studies.append(_Listed(runs, place))
