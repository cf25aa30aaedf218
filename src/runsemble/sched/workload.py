"""What is to be planned: runs by the million, in little memory."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from runsemble.model.resources import Shape
from runsemble.sched.items import Item, Step, measured_of, require_duration


class Work(NamedTuple):
    """What runs need of a machine, in seconds, or in steps as long as nobody knows how long those take."""

    core: float  #: cores times time
    slot: float  #: time, of steps that need cores at all
    gpu: float  #: GPUs times time
    longest: float  #: time of the longest run, as far as it is not drawn


class Kind:
    """Runs that ask for the same, step by step, and draw their durations from the same others.

    Raises:
        UsageError: What others took is no time.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.shapes = tuple(step.shape for step in steps)
        self.measured = tuple(measured_of(step) for step in steps)  #: by step, None where the run itself knows
        self.count = 0
        self.unknown_count = 0  #: so many of them with a step of which nobody knows how long it takes
        self._means = [math.nan if one is None else sum(one) / len(one) for one in self.measured]
        self._sums = [0.0] * len(steps)  #: seconds by step, as far as known
        self._longest_s = 0.0

    def add(self, count: int, durations: Sequence[float]) -> None:
        """Count runs with these durations by step, not a number where they are drawn or unknown."""
        self.count += count
        is_known, own_s = True, 0.0
        for at, (duration_s, mean_s) in enumerate(zip(durations, self._means, strict=True)):
            if duration_s == duration_s:
                self._sums[at] += count * duration_s
                own_s += duration_s
            elif mean_s == mean_s:
                self._sums[at] += count * mean_s
            else:
                is_known = False
        if not is_known:
            self.unknown_count += count
        if own_s > self._longest_s:
            self._longest_s = own_s

    def work(self, *, in_waves: bool) -> Work:
        """Return what all of them need, every step taking 1 if `in_waves`, else as long as is expected."""
        sums = [float(self.count)] * len(self.shapes) if in_waves else self._sums
        pairs = list(zip(sums, self.shapes, strict=True))
        return Work(
            sum(total * shape.cores for total, shape in pairs),
            sum(total * min(1, shape.cores) for total, shape in pairs),
            sum(total * shape.gpus for total, shape in pairs),
            float(len(sums)) if in_waves else self._longest_s,
        )

    def draw(self, durations: Sequence[float], source: random.Random) -> tuple[float, ...]:
        """Return the durations of one run, what is not known yet drawn from what others took."""
        return tuple(
            s if others is None else others[int(source.random() * len(others))]
            for s, others in zip(durations, self.measured, strict=True)
        )


@dataclass(slots=True)
class Run:
    """One run on its way through its steps."""

    shapes: tuple[Shape, ...]
    durations: tuple[float, ...]
    step: int = 0
    since: float = 0.0  #: when this step could have begun


class Sample:
    """Which share of runs stands for all of them.

    Args:
        head: So many runs are the head; the rest is the tail.
        head_every: Of the head, one run in so many is kept.
        tail_every: Of the tail, likewise.
    """

    def __init__(self, head: int, head_every: float, tail_every: float) -> None:
        self._left = head
        self._head_every, self._tail_every = head_every, tail_every
        self.head_kept = int(head / head_every)  #: about so many are kept of the head

    def keep(self, count: int, source: random.Random) -> int:
        """Return how many of the next runs, which are alike, are kept."""
        head = count if count <= self._left else self._left
        self._left -= head
        expected = head / self._head_every + (count - head) / self._tail_every
        whole = int(expected)
        return whole if whole == expected else int(expected + source.random())


class Workload:
    """Runs in their order, some 30 bytes for each item.

    Args:
        items: Read once.

    Raises:
        UsageError: A duration is no time.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self.kinds: list[Kind] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._kind_of = array("L")  #: by item
        self._counts = array("Q")  #: by item
        self._durations = array("d")  #: by item and step
        for item in items:
            self._add(item)

    def _add(self, item: Item) -> None:
        key: list[object] = []
        durations = []
        for step in item.steps:
            known = step.duration_s
            if isinstance(known, int | float):
                require_duration(known)
                durations.append(float(known))
                key += step.shape, None
            else:
                durations.append(math.nan)
                key += step.shape, known if known is None else id(known)  # its kind keeps it alive
        at = self._known.get(tuple(key))
        if at is None:
            at = self._known[tuple(key)] = len(self.kinds)
            self.kinds.append(Kind(item.steps))
        self.kinds[at].add(item.count, durations)
        self._kind_of.append(at)
        self._counts.append(item.count)
        self._durations.extend(durations)

    def runs(
        self, is_wanted: Callable[[Kind], bool], seed: int, *, in_waves: bool, sample: Sample | None = None
    ) -> Iterator[Run]:
        """Yield runs in their order, with durations; the same for the same arguments.

        Args:
            is_wanted: Tells which kinds are to be had; the others are left out.
            seed: Where the drawing of durations starts.
            in_waves: Whether every step takes 1, whatever is known.
            sample: Which share of them is enough; None for all.
        """
        source, choice = random.Random(seed), random.Random(seed)  # durations do not depend on what is chosen
        wanted = [is_wanted(kind) for kind in self.kinds]
        steps = [len(kind.shapes) for kind in self.kinds]
        at = 0
        for number, count in zip(self._kind_of, self._counts, strict=True):
            at += steps[number]
            if not wanted[number] or (sample is not None and not (count := sample.keep(count, choice))):
                continue
            kind = self.kinds[number]
            durations = (1.0,) * steps[number] if in_waves else tuple(self._durations[at - steps[number] : at])
            is_drawn = any(map(math.isnan, durations))
            for _ in range(count):
                yield Run(kind.shapes, kind.draw(durations, source) if is_drawn else durations)
