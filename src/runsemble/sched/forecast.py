"""When it will be over: a range, from how long runs took that have ended, and for how long the others have run."""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

#: Durations that are remembered.
KEPT = 256
#: Futures that are tried out for one range.
TRIALS = 32
#: Runs, the last ones, whose places and times are tried out one by one; those before them go by their mean.
PLAYED = 48
#: Futures are fewer where each needs many draws: about so many in all. And no fewer than these.
_DRAWS, _FEWEST = 16_000, 12
#: Of more runs than these under way, so many are looked at.
_AGES = 1000
#: Parts of what has been seen, by whose differences the runs to come may differ from those that were.
BLOCKS = 8
#: The range is meant to hold the truth about nine times in ten.
_LOW, _HIGH = 0.05, 0.95
#: No prediction is better than this share of it.
_PRECISION = 0.03
#: A run that is longer than any that has ended is taken to need about this share of its age in addition; at most, three
#: times its age.
_FURTHER, _LONGEST = 0.4, 3.0
#: A trend counts when it is this many times as large as chance would make it.
_SIGNIFICANT = 2.5
#: Runs that start together end in the order of their lengths, so a trend is looked for only after so many per slot.
_WAVES = 3


class Forecast:
    """Learns how long runs take, and tells how long those will take that are left.

    It supposes that the runs to come are like those that were, or that a trend goes on that has been seen. Runs that
    are under way count as well: those that ended first are the short ones.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._kept: list[float] = []
        self._count = 0
        self._sum = 0.0
        self._blocks: list[tuple[int, float]] = []  #: (runs, sum of durations), in the order in which they ended
        self._block_size = 1

    @property
    def count(self) -> int:
        """How many durations it has learned."""
        return self._count

    def learn(self, duration_s: float) -> None:
        """Take in how long a run took."""
        self._count += 1
        self._sum += duration_s
        if len(self._kept) < KEPT:
            self._kept.append(duration_s)
        elif (at := int(self._random.random() * self._count)) < KEPT:
            self._kept[at] = duration_s
        blocks = self._blocks
        if blocks and blocks[-1][0] < self._block_size:
            runs, total = blocks[-1]
            blocks[-1] = (runs + 1, total + duration_s)
            return
        if len(blocks) == 2 * BLOCKS:
            pairs = zip(blocks[::2], blocks[1::2], strict=True)
            self._blocks = blocks = [(a + c, b + d) for (a, b), (c, d) in pairs]
            self._block_size *= 2
        blocks.append((1, duration_s))

    def remaining(
        self, waiting: int, ages_s: Sequence[float], slots: int, elapsed_s: float
    ) -> tuple[float, float] | None:
        """Return between how many and how many seconds it will take; None as long as nothing is known.

        Args:
            waiting: Runs that have not started.
            ages_s: For how long each of those that run has been running.
            slots: Runs at the same time.
            elapsed_s: Seconds since the first run could start; what runs themselves do not account for of it is taken
                for what it costs to start one.
        """
        if not self._count:
            return None
        if not waiting and not ages_s:
            return 0.0, 0.0
        slots = max(1, min(slots, waiting + len(ages_s)))
        if len(ages_s) > _AGES:
            ages_s = self._random.sample(ages_s, _AGES)
            waiting, slots = waiting * _AGES // slots, _AGES  # a part of the machine stands for all of it
        lengths = _Lengths(self._kept, self._count, ages_s)
        factor = self._overhead(ages_s, slots, elapsed_s)
        trend = self._trend(waiting) if self._count >= _WAVES * slots else 0.0
        doubt = 1 / math.sqrt(min(self._count, KEPT))
        trials = max(_FEWEST, min(TRIALS, _DRAWS // (slots + PLAYED)))
        ends = sorted(self._play(waiting, ages_s, slots, lengths, factor, trend, doubt) for _ in range(trials))
        low, high = ends[int(_LOW * trials)], ends[min(trials - 1, int(_HIGH * trials))]
        return low * (1 - _PRECISION), high * (1 + _PRECISION)

    def _trend(self, waiting: int) -> float:
        """Return by how much, relatively, runs to come will take longer than those that were if a trend goes on."""
        blocks = [block for block in self._blocks if block[0] == self._block_size]
        mean = self._sum / self._count
        if len(blocks) < 4 or mean <= 0:
            return 0.0
        means = [total / runs for runs, total in blocks]
        n = len(means)
        centre, middle = sum(means) / n, (n - 1) / 2
        width = sum((at - middle) ** 2 for at in range(n))
        slope = sum((at - middle) * m for at, m in enumerate(means)) / width
        rest = sum((m - centre - slope * (at - middle)) ** 2 for at, m in enumerate(means)) / (n - 2)
        if abs(slope) < _SIGNIFICANT * math.sqrt(rest / width) or abs(slope) * n < 0.05 * mean:
            return 0.0
        to_come = waiting / self._block_size / 2 + n / 2
        return max(-0.8, slope * to_come / mean)

    def _overhead(self, ages_s: Sequence[float], slots: int, elapsed_s: float) -> float:
        """Return how much longer a run keeps its slot than it runs, as a factor."""
        if self._count < 4 * slots or self._sum <= 0:
            return 1.0
        return max(1.0, (slots * elapsed_s - sum(ages_s)) / self._sum)

    def _play(
        self, waiting: int, ages_s: Sequence[float], slots: int, lengths: _Lengths,
        factor: float, trend: float, doubt: float,
    ) -> float:  # fmt: skip
        """Return how long it takes in one possible future."""
        draw = self._random
        scale = factor * max(0.2, 1 + draw.gauss(0, doubt * lengths.spread) + trend * draw.uniform(-0.25, 1.25))
        played = waiting if waiting <= PLAYED else PLAYED + (waiting - PLAYED) % slots  # the others fill all slots
        bulk = waiting - played
        bulk_s = lengths.mean * scale * (bulk + draw.gauss(0, 1) * lengths.spread * math.sqrt(bulk)) / slots
        free = [bulk_s + lengths.draw_rest(age, draw) for age in ages_s[:slots]]
        free += [bulk_s] * (slots - len(free))
        heapq.heapify(free)
        last = max(free)
        for _ in range(played):
            end = free[0] + lengths.draw(draw) * scale
            heapq.heapreplace(free, end)
            last = max(last, end)
        return max(0.0, last)


class _Lengths:
    """How long runs take, by the product-limit estimate: those under way count as longer than they have run so far.

    Source: Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958) 457.
    """

    def __init__(self, kept: Sequence[float], count: int, ages_s: Sequence[float]) -> None:
        self._lengths = sorted(kept)
        weight = count / len(kept)  # each of those kept stands for so many
        ages = sorted(ages_s)
        at_risk = float(count + len(ages))
        survival, masses, younger = 1.0, [], 0
        for length in self._lengths:
            while younger < len(ages) and ages[younger] < length:
                younger += 1
                at_risk -= 1
            masses.append(survival * weight / max(weight, at_risk))
            survival -= masses[-1]
            at_risk -= weight
        self._sums = list(accumulate(masses))
        self._beyond = max(0.0, 1 - self._sums[-1])  #: how likely a run is longer than any that has ended
        self._top = max([self._lengths[-1], *ages])
        mean = (
            sum(m * length for m, length in zip(masses, self._lengths, strict=True))
            + self._beyond * (1 + _FURTHER) * self._top
        )
        squares = sum(m * length**2 for m, length in zip(masses, self._lengths, strict=True))
        squares += self._beyond * (1 + 2 * _FURTHER + 2 * _FURTHER**2) * self._top**2
        self.mean = mean
        self.spread = math.sqrt(max(0.0, squares - mean * mean)) / mean if mean > 0 else 0.0

    def draw(self, source: random.Random) -> float:
        """Draw how long a run takes."""
        return self._at(source.random(), source)

    def draw_rest(self, age_s: float, source: random.Random) -> float:
        """Draw how much longer a run takes that has been running for `age_s`."""
        at = bisect_right(self._lengths, age_s)
        below = self._sums[at - 1] if at else 0.0
        if at == len(self._lengths):
            return age_s * min(_LONGEST, source.expovariate(1 / _FURTHER))
        total = self._sums[-1] + self._beyond
        return max(0.0, self._at(below + source.random() * (total - below), source) - age_s)

    def _at(self, sum_: float, source: random.Random) -> float:
        at = bisect_left(self._sums, sum_)
        if at < len(self._lengths):
            return self._lengths[at]
        return self._top * (1 + min(_LONGEST, source.expovariate(1 / _FURTHER)))
