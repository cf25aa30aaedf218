"""The scheduler in virtual time: who would run where from when to when."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runsemble.model.resources import Grant
from runsemble.sched.feed import to_admit
from runsemble.sched.pool import Pool
from runsemble.sched.ready import PATIENCE_PER_SLOT, ReadyQueue
from runsemble.sched.workload import Run


class Span(NamedTuple):
    """One step of a run, from its start to its end; times count from the beginning of the study."""

    grant: Grant
    since: float  #: when it could have started: its run was taken in, or the step before had ended
    start: float
    end: float
    is_last: bool  #: whether its run ends with it
    cores: int  #: cores in use until its end, its own among them; slots, where those stand in for cores
    gpus: int  #: GPUs in use, likewise


class VirtualStudy:
    """A study without processes: real pool, real ready queue, real window, and a clock that jumps to the next end.

    What ends at the same moment is taken back before anything is granted again, as the engine does with what an agent
    reports together. A run's next step waits at the end of the queue, as does a further attempt.

    Args:
        runs: In their order; taken in as the intake does. Each of their steps must fit into the empty pool.
        pool: What there is; nothing of it may be in use.
    """

    def __init__(self, runs: Iterable[Run], pool: Pool) -> None:
        self._feed = iter(runs)
        self._pool = pool
        self._slots = pool.slots
        self._ready: ReadyQueue[Run] = ReadyQueue(PATIENCE_PER_SLOT * max(1, pool.slots))
        self._under_way: list[tuple[float, int, float, Run, Grant]] = []  #: end, number, start; a heap
        self._started = 0
        self._counts_cores = pool.usage.counts_cores
        self._cores = self._gpus = 0
        self._now = 0.0

    def spans(self) -> Iterator[Span]:
        """Yield every step at its end, in the order in which they end."""
        self._take_in()
        while self._under_way:
            self._now = self._under_way[0][0]
            cores, gpus = self._cores, self._gpus
            while self._under_way and self._under_way[0][0] <= self._now:
                end, _, start, run, grant = heapq.heappop(self._under_way)
                since, is_last = run.since, run.step + 1 == len(run.shapes)
                self._take_back(grant)
                if not is_last:
                    self._go_on(run)
                yield Span(grant, since, start, end, is_last, cores, gpus)
            self._start()
            self._take_in()

    def _take_in(self) -> None:
        """Take in what the intake would, and start what can be started."""
        while count := to_admit(self._slots, len(self._ready), 0):
            taken = 0
            for run in self._next(count):
                run.since = self._now
                self._ready.push(run, run.shapes[0])
                taken += 1
            self._start()
            if taken < count:
                return

    def _next(self, count: int) -> Iterator[Run]:
        for _, run in zip(range(count), self._feed, strict=False):
            yield run

    def _start(self) -> None:
        while popped := self._ready.pop(self._pool):
            run, grant = popped
            self._started += 1
            self._cores += self._width(grant)
            self._gpus += grant.shape.gpus
            end = self._now + run.durations[run.step]
            heapq.heappush(self._under_way, (end, self._started, self._now, run, grant))

    def _take_back(self, grant: Grant) -> None:
        self._pool.release(grant)
        self._cores -= self._width(grant)
        self._gpus -= grant.shape.gpus

    def _width(self, grant: Grant) -> int:
        return grant.shape.cores if self._counts_cores else min(1, grant.shape.cores)

    def _go_on(self, run: Run) -> None:
        run.step += 1
        run.since = self._now
        self._ready.push(run, run.shapes[run.step])
