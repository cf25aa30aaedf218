"""Whether a run may still start before a deadline."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

from runsemble.model.resources import Shape

#: So many runs of a shape must have ended before they say how long others take.
ENOUGH = 5
#: Of each shape the latest durations are remembered, so many, so that a trend is followed.
KEPT = 256
#: The share of runs that are expected to be over in time.
_SHARE = 0.9


class _Recent:
    """The latest durations of one shape."""

    def __init__(self) -> None:
        self._in_order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, wall_s: float) -> None:
        self._in_order.append(wall_s)
        insort(self._sorted, wall_s)
        if len(self._in_order) > KEPT:
            del self._sorted[bisect_left(self._sorted, self._in_order.popleft())]

    @property
    def most_s(self) -> float | None:
        """What nine in ten runs took at most; None as long as too few are known."""
        count = len(self._sorted)
        return self._sorted[math.ceil(_SHARE * count) - 1] if count >= ENOUGH else None


class Deadline:
    """A time at which everything must be over, so that nothing starts that cannot finish.

    How long a run takes is judged by what nine in ten of its shape took at most, as soon as five have ended; and
    before, by its own time limit. A run with neither may start: nobody knows better.

    Args:
        at_s: The deadline, in the seconds of a monotonic clock.
    """

    def __init__(self, at_s: float) -> None:
        self.at_s = at_s
        self._recent: dict[Shape, _Recent] = {}

    def learn(self, shape: Shape, wall_s: float) -> None:
        """Take in how long a run took, in seconds."""
        recent = self._recent.get(shape)
        if recent is None:
            recent = self._recent[shape] = _Recent()
        recent.add(wall_s)

    def why_not(self, shape: Shape, timeout_s: float | None, now_s: float) -> str | None:
        """Return a sentence saying why a run may not start any more, None if it may.

        Args:
            shape: What the run asks for.
            timeout_s: Its own time limit, None for none; no run needs more than that.
            now_s: The time now, on the clock of the deadline.
        """
        left_s = self.at_s - now_s
        if left_s <= 0:
            return "the deadline is over"
        recent = self._recent.get(shape)
        most_s = recent.most_s if recent is not None else None
        if most_s is not None and (timeout_s is None or most_s < timeout_s):
            needed_s, reason = most_s, f"one run in ten with {shape} took {_words(most_s)} or longer"
        elif timeout_s is not None:
            needed_s, reason = timeout_s, f"a run may take {_words(timeout_s)}"
        else:
            return None
        return None if needed_s <= left_s else f"{reason}, and the deadline is in {_words(left_s)}"


def _words(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:.0f} s"
