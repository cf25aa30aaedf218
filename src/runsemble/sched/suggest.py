"""What runs should ask for, shape by shape, from what those that have ended used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from runsemble.model.resources import Shape
from runsemble.model.status import Cause
from runsemble.sched.advice import Advice, Used, advise_cores, advise_memory, advise_time

#: Nothing is suggested from fewer ended runs.
ENOUGH = 5

#: Attempts that tell how much runs need. What failed otherwise ended before its time, and says nothing.
_TELLING = frozenset({Cause.OK, Cause.OOM, Cause.TIMEOUT})


class Ended(NamedTuple):
    """What one ended attempt asked for, and what it used.

    Attributes:
        shape: Cores and memory asked for, all tasks together.
        timeout_s: Its time limit, None for none.
        wall_s: Seconds from start to end.
        cpu_s: CPU seconds, user and system.
        max_rss_bytes: The most memory that it had, all its processes together. Where only that of the largest process
            is known, a run of several processes needs more than is suggested.
        cause: Why it ended.
    """

    shape: Shape
    timeout_s: float | None
    wall_s: float
    cpu_s: float
    max_rss_bytes: int
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What is known of the needs of one shape."""

    shape: Shape
    count: int  #: attempts it is judged by
    advices: tuple[Advice, ...]  #: on memory, time and cores

    @property
    def is_any(self) -> bool:
        """Whether anything should be asked for otherwise."""
        return any(advice.suggested is not None for advice in self.advices)


@dataclass(slots=True)
class _Group:
    """The attempts of one shape."""

    timeout_s: float | None = None  #: the longest asked for
    mem_mib: Used = field(default_factory=Used)
    wall_s: Used = field(default_factory=Used)
    cores: Used = field(default_factory=Used)

    def add(self, record: Ended) -> None:
        is_oom, is_timeout = record.cause is Cause.OOM, record.cause is Cause.TIMEOUT
        is_cut = is_oom or is_timeout
        mem_mib = record.max_rss_bytes / 2**20
        self.mem_mib.add(max(mem_mib, record.shape.mem_mib) if is_oom else mem_mib, is_cut=is_cut, is_own=is_oom)
        self.wall_s.add(record.wall_s, is_cut=is_cut, is_own=is_timeout)
        self.cores.add(record.cpu_s / record.wall_s)
        if record.timeout_s is not None:
            self.timeout_s = max(self.timeout_s or 0.0, record.timeout_s)


def suggest(records: Iterable[Ended]) -> list[Suggestion]:
    """Return what runs should ask for, by shape, the most frequent shape first.

    Attempts count that succeeded, and those that were cut short by their memory or their time limit, which would have
    used at least what they did. Shapes of which fewer than five attempts count are left out.
    """
    groups: dict[Shape, _Group] = {}
    for record in records:
        if record.cause in _TELLING and record.wall_s > 0:
            groups.setdefault(record.shape, _Group()).add(record)
    found = [_judge(shape, group) for shape, group in groups.items() if len(group.wall_s) >= ENOUGH]
    return sorted(found, key=lambda one: -one.count)


def _judge(shape: Shape, group: _Group) -> Suggestion:
    advices = (
        advise_memory(shape.mem_mib or None, group.mem_mib),
        advise_time(group.timeout_s, group.wall_s),
        advise_cores(shape.cores, group.cores),
    )
    return Suggestion(shape=shape, count=len(group.wall_s), advices=advices)
