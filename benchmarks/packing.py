"""How many cores are kept busy by runs of mixed sizes, and does anybody starve?

The scheduler's own code (`Pool`, `ReadyQueue`, `to_admit`) in virtual time: 64 cores; runs of 1, 4, 16 and 64 cores in
shares of 60, 25, 10 and 5 % by count; durations lognormal with mean 1; parameter sets taken in as the intake does.
Beside it first in first out, and bypass without a bound; and, for information, the same shares by core time, where a
run of 64 cores is one in 860.

"Busy" is granted core time over 64 cores times the time from 0 to the last start: the tail, in which nothing is left to
start, says nothing of the scheduler; the figure up to the last end stands beside it. A wait is the time from taking in
to start, in mean durations; a run is overtaken by whatever was taken in after it and starts before it.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from harness import Options
from records import Finding, Report, main

from runsemble.model.resources import Grant, Inventory, Shape
from runsemble.sched.feed import to_admit
from runsemble.sched.pool import Pool
from runsemble.sched.ready import PATIENCE_PER_SLOT, ReadyQueue

CORES = 64
SHARES = {1: 0.60, 4: 0.25, 16: 0.10, 64: 0.05}
#: By name of the mix, cores of a run: weight by count.
MIXES = {"by count": SHARES, "by core time": {cores: share / cores for cores, share in SHARES.items()}}
SIGMAS = (0.5, 1.0)
SEEDS = range(10)
OURS = "bounded bypass"
POLICIES = {OURS: PATIENCE_PER_SLOT * CORES, "FIFO": 0, "unbounded bypass": math.inf}
SWEEP = (1, 2, 4, 8, 16, 24, 32, 64)  #: patience per slot


@dataclass(slots=True)
class Run:
    """One run of the simulated study."""

    number: int
    shape: Shape
    duration: float
    taken_in: float = 0.0
    started: float = 0.0
    overtaken: int = 0


@dataclass(frozen=True, slots=True)
class Packing:
    """What came of a simulated study."""

    busy: float  #: share of the core time up to the last start
    busy_to_end: float
    worst_wait: float  #: of a run that needs every core
    worst_overtaken: int  #: the same


def make_runs(mix: str, seed: int, sigma: float, count: int) -> list[Run]:
    """Return the runs of a study, the same for every policy."""
    chance = random.Random(seed)
    sizes = chance.choices(list(MIXES[mix]), weights=list(MIXES[mix].values()), k=count)
    return [Run(i, Shape(cores), chance.lognormvariate(-sigma * sigma / 2, sigma)) for i, cores in enumerate(sizes)]


class Simulation:
    """One study in virtual time."""

    def __init__(self, runs: Sequence[Run], patience: float) -> None:
        self._pool = Pool([Inventory(cores=tuple(range(CORES)))])
        self._ready: ReadyQueue[Run] = ReadyQueue(patience)  # type: ignore[arg-type]
        self._runs = runs
        self._feed = iter(runs)
        self._under_way: list[tuple[float, int, Grant]] = []
        self._large: dict[int, Run] = {}  #: those that wait for every core
        self._now = 0.0

    def run(self) -> Packing:
        """See every run through."""
        while self._take_in() or self._under_way:
            self._now, _, grant = heapq.heappop(self._under_way)
            self._pool.release(grant)
            self._start()
        return self._judge()

    def _take_in(self) -> bool:
        """Take in what the intake would; True if that was anything."""
        is_any = False
        while to_admit(self._pool.slots, len(self._ready), 0) and (run := next(self._feed, None)) is not None:
            run.taken_in = self._now
            self._ready.push(run, run.shape)
            if run.shape.cores == CORES:
                self._large[run.number] = run
            self._start()
            is_any = True
        return is_any

    def _start(self) -> None:
        while popped := self._ready.pop(self._pool):
            run, grant = popped
            run.started = self._now
            self._large.pop(run.number, None)
            for other in self._large.values():
                other.overtaken += other.number < run.number
            heapq.heappush(self._under_way, (self._now + run.duration, run.number, grant))

    def _judge(self) -> Packing:
        assert not self._ready, "the scheduler left runs behind"
        last_start = max(run.started for run in self._runs)
        end = max(run.started + run.duration for run in self._runs)
        large = [run for run in self._runs if run.shape.cores == CORES]
        return Packing(
            busy=_busy(self._runs, last_start),
            busy_to_end=_busy(self._runs, end),
            worst_wait=max((run.started - run.taken_in for run in large), default=0.0),
            worst_overtaken=max((run.overtaken for run in large), default=0),
        )


def _busy(runs: Sequence[Run], until: float) -> float:
    core_time = sum(run.shape.cores * (min(run.started + run.duration, until) - run.started) for run in runs)
    return core_time / (CORES * until)


def pack(mix: str, patience: float, sigma: float, count: int) -> list[Packing]:
    """Simulate one policy for every seed."""
    return [Simulation(make_runs(mix, seed, sigma, count), patience).run() for seed in SEEDS]


def _findings(mix: str, policy: str, sigma: float, packings: Sequence[Packing]) -> list[Finding]:
    where = f"{mix}, σ = {sigma:g}, {policy}"
    busy, to_end = (100 * mean(getattr(packing, name) for packing in packings) for name in ("busy", "busy_to_end"))
    wait, overtaken = (max(getattr(p, name) for p in packings) for name in ("worst_wait", "worst_overtaken"))
    least = min(100 * packing.busy for packing in packings)
    note = f"worst seed {least:.1f} %, to the last end {to_end:.1f} %; 64 cores waited for {wait:.0f} at most"
    must = 93 if policy == OURS and mix == "by count" else None
    bound = POLICIES[policy] if policy == OURS else None
    return [
        Finding(what=f"busy, {where}", value=busy, unit=" %", must=must, is_floor=True, note=note),
        Finding(what=f"runs that overtook one of 64 cores, {where}", value=overtaken, must=bound),
    ]


def sweep(mix: str, count: int) -> dict[str, list[float]]:
    """Return busy share and worst wait for other patiences: where the default comes from."""
    swept = {}
    for sigma in SIGMAS:
        for per_slot in SWEEP:
            packings = pack(mix, per_slot * CORES, sigma, count)
            worst = max(packing.worst_wait for packing in packings)
            busy = mean(packing.busy for packing in packings)
            swept[f"{mix}, σ = {sigma:g}, patience {per_slot} per slot: busy, worst wait"] = [busy, worst]
    return swept


def measure(options: Options) -> Report:
    """Simulate every policy."""
    count = options.size(5000, 1000)
    findings: list[Finding] = []
    rounds: dict[str, list[float]] = {}
    for mix in MIXES:
        for sigma in SIGMAS:
            for policy, patience in POLICIES.items():
                packings = pack(mix, patience, sigma, count)
                findings += _findings(mix, policy, sigma, packings)
                rounds[f"busy by seed, {mix}, σ = {sigma:g}, {policy}"] = [packing.busy for packing in packings]
        rounds |= sweep(mix, count)
    return Report(
        name="packing",
        question="How many cores are kept busy by runs of mixed sizes, and does anybody starve?",
        sizes={"runs": count, "seeds": len(SEEDS), "cores": CORES},
        findings=findings,
        rounds=rounds,
    )


if __name__ == "__main__":
    main(measure)
