"""One study played in virtual time, and what is learned from that."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from runsemble.model.resources import Inventory, Shape
from runsemble.sched.feed import window
from runsemble.sched.pool import Pool, PoolUsage
from runsemble.sched.supposed import part_of
from runsemble.sched.virtual import Span, VirtualStudy
from runsemble.sched.workload import Kind, Sample, Work, Workload

#: Below this share of its cores and of its GPUs in use, a machine is nearly idle.
NEARLY_IDLE = 0.25
#: What a step costs to play: so much, and 1 for each node that is asked whether it fits there. Measured on one node: 35
#: to 70 µs in all, 0.4 µs for each further node.
STEP_COST = 35
#: Up to so much, all runs are played one by one: some seconds.
MOST = 3_000_000
#: And if that is too much, a sample of so much: a second or two.
SAMPLED = 1_200_000
#: Of larger machines a part of so many nodes is played.
PART_NODES = 32
#: The last runs are all played: so many windows of the intake.
TAIL_WINDOWS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long steps of one shape wait: from when they could start until they do."""

    shape: Shape
    count: int  #: steps
    mean: float
    longest: float  #: of those that were played


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What was learned; times in seconds, or in waves."""

    run_count: int  #: runs that fit
    played_count: int  #: those of them that were played
    makespan: float
    width: int  #: cores of the machine; slots, where those stand in for cores
    counts_cores: bool
    used_core: float  #: cores times time, likewise
    used_gpu: float  #: GPUs times time
    tail: float  #: how long the machine was nearly idle at the end
    waits: tuple[Wait, ...]


@dataclass(slots=True)
class _Books:
    """What is added up while spans go by."""

    width: int  #: cores of the machine, or slots
    usage: PoolUsage  #: of the machine while nothing runs
    split_after: int  #: so many runs are the sampled head
    runs: int = 0
    end: float = 0.0
    split: float = 0.0  #: when that many runs had ended
    core: float = 0.0  #: cores times time
    core_later: float = 0.0  #: that part of it that came after the split
    gpu: float = 0.0
    busy_until: float = 0.0  #: the last moment at which the machine was not nearly idle
    waits: dict[Shape, list[float]] = field(default_factory=dict)  #: count, sum, longest

    def take(self, spans: Iterable[Span]) -> None:
        for span in spans:
            self._take(span)

    def _take(self, span: Span) -> None:
        shape, end = span.grant.shape, span.end
        width = shape.cores if self.usage.counts_cores else min(1, shape.cores)
        self.core += width * (end - span.start)
        self.gpu += shape.gpus * (end - span.start)
        self.end = end
        if self.runs < self.split_after:
            self.split = end
        elif end > self.split:
            self.core_later += width * (end - max(span.start, self.split))
        self.runs += span.is_last
        if self._is_busy(span):
            self.busy_until = end
        wait = self.waits.get(shape)
        if wait is None:
            wait = self.waits[shape] = [0, 0.0, 0.0]
        waited = span.start - span.since
        wait[0] += 1
        wait[1] += waited
        wait[2] = max(wait[2], waited)

    def _is_busy(self, span: Span) -> bool:
        gpus = self.usage.total_gpus
        return span.cores >= NEARLY_IDLE * self.width or span.gpus >= NEARLY_IDLE * gpus > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What is played of a study."""

    nodes: Sequence[Inventory]
    share: float = 1.0  #: of the machine that those nodes are
    sample: Sample | None = None  #: of the runs; None for all


def rehearse(workload: Workload, nodes: Sequence[Inventory], *, seed: int, in_waves: bool) -> Rehearsal:
    """Play all runs that fit, or a sample of them that stands for all if they are too many."""
    pool = Pool(nodes)
    fits = {shape: pool.why_never(shape) is None for kind in workload.kinds for shape in kind.shapes}

    def is_wanted(kind: Kind) -> bool:
        return all(fits[shape] for shape in kind.shapes)

    kinds = [kind for kind in workload.kinds if is_wanted(kind)]
    part = _choose(kinds, nodes)
    stage = Pool(part.nodes)
    books = _Books(_width(stage), stage.usage, 0 if part.sample is None else part.sample.head_kept)
    runs = workload.runs(is_wanted, seed, in_waves=in_waves, sample=part.sample)
    books.take(VirtualStudy(runs, stage).spans())
    used_core, used_gpu, makespan = books.core, books.gpu, books.end
    if part.sample is not None:
        works = [kind.work(in_waves=in_waves) for kind in kinds]
        used_core = sum(work.core if pool.usage.counts_cores else work.slot for work in works)
        used_gpu = sum(work.gpu for work in works)
        makespan = max(_stretched(books, used_core * part.share), _least(works, used_core, used_gpu, pool))
    return Rehearsal(
        run_count=sum(kind.count for kind in kinds),
        played_count=books.runs,
        makespan=makespan,
        width=_width(pool),
        counts_cores=pool.usage.counts_cores,
        used_core=used_core,
        used_gpu=used_gpu,
        tail=books.end - books.busy_until,
        waits=_waits(books, kinds),
    )


def _choose(kinds: Sequence[Kind], nodes: Sequence[Inventory]) -> _Part:
    count = sum(kind.count for kind in kinds)
    steps = sum(kind.count * len(kind.shapes) for kind in kinds)
    if steps * (STEP_COST + len(nodes)) <= MOST:
        return _Part(nodes=nodes)
    played = part_of(nodes, PART_NODES)
    slots, all_slots = Pool(played).slots, Pool(nodes).slots
    share = slots / all_slots if all_slots else len(played) / len(nodes)
    most = SAMPLED / (STEP_COST + len(played)) * count / steps  # runs
    tail = min(count, TAIL_WINDOWS * window(slots) / share)
    head = math.floor(count - tail)
    head_every = max(1 / share, head / max(1.0, most - tail * share))
    return _Part(nodes=played, share=share, sample=Sample(head, head_every, 1 / share))


def _width(pool: Pool) -> int:
    usage = pool.usage
    return usage.total_cores if usage.counts_cores else pool.slots


def _least(works: Sequence[Work], core: float, gpu: float, pool: Pool) -> float:
    """Return a time below which no makespan can be."""
    areas = ((core, _width(pool)), (gpu, pool.usage.total_gpus))
    return max([work.longest for work in works] + [used / there for used, there in areas if there])


def _stretched(books: _Books, core: float) -> float:
    """Return the makespan of all runs, of which the head was played as a sample.

    The time up to the split grows as the work done in it does, so that all work is accounted for; what comes after it
    was played as it is.
    """
    before = books.core - books.core_later
    stretch = (core - books.core_later) / before if before > 0 else 1.0
    return books.split * max(1.0, stretch) + books.end - books.split


def _waits(books: _Books, kinds: Sequence[Kind]) -> tuple[Wait, ...]:
    steps: Counter[Shape] = Counter()
    for kind in kinds:
        for shape in kind.shapes:
            steps[shape] += kind.count
    waits = [
        Wait(shape=shape, count=steps[shape], mean=total / number, longest=longest)
        for shape, (number, total, longest) in books.waits.items()
    ]
    return tuple(sorted(waits, key=lambda wait: -wait.mean))
