"""Runs as a plan is asked for: what each step needs, and how long it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from runsemble.errors import UsageError
from runsemble.model.resources import Shape, require_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run."""

    shape: Shape  #: what it asks for
    duration_s: float | Sequence[float] | None = None  #: seconds, or what others took, or None if nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Identical runs that follow each other.

    Raises:
        UsageError: It has no steps, or less than one run.
    """

    steps: tuple[Step, ...]  #: in order: each begins when the one before has ended, with a grant of its own
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse what is nothing to run."""
        require_count("count", self.count, 1)
        if not self.steps:
            raise UsageError("a run needs a step")

    @classmethod
    def of(
        cls, shape: Shape, count: int = 1, duration_s: float | Sequence[float] | None = None, steps: int = 1
    ) -> Item:
        """Return runs of so many steps that are all alike."""
        return cls(steps=(Step(shape=shape, duration_s=duration_s),) * steps, count=count)


def measured_of(step: Step) -> Sequence[float] | None:
    """Return what others took, None where it is a single duration or nobody knows.

    Raises:
        UsageError: That is no time.
    """
    known = step.duration_s
    if known is None or isinstance(known, int | float):
        return None
    if not len(known):
        raise UsageError("what others took must name one duration at least; None if nobody knows")
    for duration_s in known:
        require_duration(duration_s)
    return known


def require_duration(duration_s: float) -> float:
    """Return a duration in seconds.

    Raises:
        UsageError: It is none.
    """
    if not 0 <= duration_s < math.inf:
        raise UsageError(f"a duration must be a number of seconds of at least 0, not {duration_s!r}")
    return duration_s
