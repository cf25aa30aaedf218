"""When a whole study is given up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runsemble.errors import RequestError
from runsemble.model.resources import count_of
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus

#: As long as nobody knows how many runs there will be, a share of them is taken of those that ended, from here on.
MIN_FOR_SHARE = 3

_HALT = re.compile(r"(soon|now),(fail|success|done)=(\d+)(%?)")
#: Short forms. Source: parallel(1), --halt.
_HALT_SHORT = {"0": "never", "1": "soon,fail=1", "2": "now,fail=1", "-1": "soon,success=1", "-2": "now,success=1"}


@dataclass(frozen=True, slots=True)
class Halt:
    """When a study is given up: nothing more is started."""

    when: Literal["soon", "now"]  #: whether runs that are under way may finish
    what: Literal["fail", "success", "done"]  #: which runs count
    count: int  #: so many of them, or so many in a hundred of all runs
    is_percent: bool = False
    words: str = ""  #: how the reason ends, when it is not `as written`

    def is_reached(self, stats: RunStatistics, total: int | None) -> bool:
        """Tell whether it has come to that.

        Args:
            stats: The study's.
            total: How many runs there will be, None if unknown.
        """
        counted = self._counted(stats)
        if not self.is_percent:
            return counted >= self.count
        if total is None and counted < MIN_FOR_SHARE:
            return False
        return counted > 0 and counted * 100 >= self.count * (total if total is not None else stats.ended_count)

    def reason(self, stats: RunStatistics) -> str:
        """Word why the study was given up."""
        verb = {"fail": "failed", "success": "succeeded", "done": "ended"}[self.what]
        return f"{count_of(self._counted(stats), 'run')} {verb}, {self.words or f'as {self} asks for'}"

    def _counted(self, stats: RunStatistics) -> int:
        if self.what == "fail":
            return stats.failure_count
        return stats.success_count if self.what == "success" else stats.ended_count

    def __str__(self) -> str:
        return f"{self.when},{self.what}={self.count}{'%' if self.is_percent else ''}"


def parse_halt(text: str) -> Halt | None:
    """Return when to give up, as written for GNU parallel: ``soon,fail=3``, ``now,fail=5%``, ``now,success=1``.

    None for ``never``. A bare ``5%`` means ``soon,fail=5%``.

    Raises:
        RequestError: It has none of these forms.
    Source: parallel(1), --halt.
    """
    full = _HALT_SHORT.get(text, f"soon,fail={text}" if re.fullmatch(r"\d+%", text) else text)
    if full == "never":
        return None
    match = _HALT.fullmatch(full)
    if match is None or int(match[3]) == 0 or (match[4] and int(match[3]) > 100):
        raise RequestError(
            f"halt={text!r}: write WHEN,WHAT=COUNT, such as soon,fail=3 or now,success=1 or soon,fail=5%; "
            "WHEN is soon or now, WHAT is fail, success or done; or never"
        )
    return Halt(match[1], match[2], int(match[3]), bool(match[4]))  # type: ignore[arg-type]


class Tally:
    """What the runs of one execution have come to: those that failed and are executed again count as failed no more."""

    def __init__(self) -> None:
        self.statistics = RunStatistics()
        self._failed: set[int] = set()

    def count(self, run: int, status: RunStatus) -> None:
        """Take in the end of a run."""
        self.forget(run)
        self.statistics.add(status, 1)
        if status == "failure":
            self._failed.add(run)

    def forget(self, run: int) -> None:
        """Take in that a run is executed again."""
        if run in self._failed:
            self._failed.discard(run)
            self.statistics.add("failure", -1)


@dataclass(frozen=True, slots=True)
class AbortPolicy:
    """When no further run is started."""

    halts: Sequence[Halt] = ()

    @classmethod
    def of(cls, max_failures: int | None, halt: str | None) -> AbortPolicy:
        """Return what the arguments of `multirun` ask for.

        Raises:
            RequestError: `halt` cannot be read.
        """
        halts = [] if halt is None else [parse_halt(halt)]
        if max_failures is not None:
            words = f"more than the {max_failures} that are put up with"
            halts.append(Halt("soon", "fail", max_failures + 1, words=words))
        return cls([one for one in halts if one is not None])

    def verdict(self, stats: RunStatistics, total: int | None) -> Halt | None:
        """Return what the study is to be given up for, at once before soon; None while it goes on."""
        reached = [halt for halt in self.halts if halt.is_reached(stats, total)]
        return min(reached, key=lambda halt: halt.when != "now", default=None)
