"""How long runs would take on a machine, and how well they would use it, without running them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from runsemble.model.resources import Inventory, Shape
from runsemble.sched.items import Item
from runsemble.sched.pool import Pool
from runsemble.sched.rehearsal import Rehearsal, Wait, rehearse
from runsemble.sched.supposed import scaled
from runsemble.sched.workload import Kind, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Never:
    """Runs that could never start."""

    shape: Shape  #: of the step that fits nowhere
    count: int  #: runs
    why: str  #: a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The same runs on a smaller or larger machine."""

    nodes: int
    cores: int  #: of all nodes together
    gpus: int
    makespan: float  #: until the last run that fits has ended
    busy_cores: float  #: share of cores times makespan
    never_count: int  #: runs that could never start there
    is_given: bool = False  #: whether this is the machine that the plan is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would come of a study. All times are in `unit`.

    As long as nobody knows how long some runs take, the unit is a wave: the time of one step of a run, as if all took
    the same time.
    """

    unit: Literal["s", "waves"]
    unknown_count: int  #: runs of which nobody knows how long they take, on any machine that is compared; 0 in seconds
    run_count: int  #: runs that fit
    played_count: int  #: so many of them were played in virtual time; where fewer, they are a sample
    machine: Scale
    asked_core: float  #: cores times makespan: what the machine costs
    used_core: float  #: cores times time that runs hold them
    counts_cores: bool  #: false where slots stand in for cores, in all figures
    busy_gpus: float | None  #: share of GPUs times makespan; None without GPUs
    tail: float  #: how long, at the end, the last runs keep less than a quarter of the machine busy
    waits: tuple[Wait, ...]  #: by shape, the longest mean wait first
    never: tuple[Never, ...]  #: what never fits
    scales: tuple[Scale, ...]  #: half, as given, double; smallest first

    @property
    def makespan(self) -> float:
        """The time until the last run that fits has ended."""
        return self.machine.makespan

    @property
    def is_sampled(self) -> bool:
        """Whether not all runs were played, so that the figures are estimates."""
        return self.played_count < self.run_count


def plan(
    items: Iterable[Item], nodes: Sequence[Inventory], *, seed: int = 0, factors: Sequence[float] = (0.5, 2.0)
) -> Plan:
    """Return what would come of runs on nodes, by the scheduler's own code in virtual time.

    What is left out: what it costs to start a run, failures and further attempts, and whether a program becomes slower
    where others run beside it. Where runs are too many to be played one by one, the first of them are played as a
    sample, all of the last, and a large machine as a part of it; the work is conserved, so no estimate is below it.

    Args:
        items: In the order of the study; read once.
        nodes: Real ones, or supposed ones.
        seed: Where the drawing of durations starts; the same seed gives the same plan.
        factors: Sizes of other machines to compare with, relative to this one.

    Raises:
        UsageError: A duration is no time.
    """
    workload = Workload(items)
    others = [other for other in (scaled(nodes, one) for one in factors) if _size(other) != _size(nodes)]
    pools = [Pool(machine) for machine in (nodes, *others)]
    fitting = [kind for kind in workload.kinds if any(_why_never(kind, pool) is None for pool in pools)]
    unknown_count = sum(kind.unknown_count for kind in fitting)
    in_waves = unknown_count > 0
    main = rehearse(workload, nodes, seed=seed, in_waves=in_waves)
    given = replace(_scale(nodes, workload, main), is_given=True)
    found = [_scale(other, workload, rehearse(workload, other, seed=seed, in_waves=in_waves)) for other in others]
    return Plan(
        unit="waves" if in_waves else "s",
        unknown_count=unknown_count,
        run_count=main.run_count,
        played_count=main.played_count,
        machine=given,
        asked_core=main.width * main.makespan,
        used_core=main.used_core,
        counts_cores=main.counts_cores,
        busy_gpus=_share(main.used_gpu, given.gpus * main.makespan) if given.gpus else None,
        tail=main.tail,
        waits=main.waits,
        never=_never(workload.kinds, pools[0]),
        scales=tuple(sorted([given, *found], key=lambda one: (one.cores, one.nodes))),
    )


def _never(kinds: Sequence[Kind], pool: Pool) -> tuple[Never, ...]:
    counts: Counter[tuple[Shape, str]] = Counter()
    for kind in kinds:
        reason = _why_never(kind, pool)
        if reason is not None:
            counts[reason] += kind.count
    return tuple(Never(shape=shape, count=count, why=why) for (shape, why), count in counts.items())


def _why_never(kind: Kind, pool: Pool) -> tuple[Shape, str] | None:
    """Return the first step that fits nowhere, with the reason; None if all fit."""
    reasons = ((shape, pool.why_never(shape)) for shape in kind.shapes)
    return next(((shape, why) for shape, why in reasons if why is not None), None)


def _scale(nodes: Sequence[Inventory], workload: Workload, found: Rehearsal) -> Scale:
    cores, gpus = _size(nodes)
    return Scale(
        nodes=len(nodes),
        cores=cores,
        gpus=gpus,
        makespan=found.makespan,
        busy_cores=_share(found.used_core, found.width * found.makespan),
        never_count=sum(kind.count for kind in workload.kinds) - found.run_count,
    )


def _size(nodes: Sequence[Inventory]) -> tuple[int, int]:
    return sum(len(node.cores) for node in nodes), sum(len(node.gpus) for node in nodes)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
