"""How much of one thing runs should ask for, from how much of it others used."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import Literal

from runsemble.model.resources import count_of

#: The share of runs that a suggestion is made for, before its headroom.
SHARE = 0.95
#: Headroom of memory and of time, as factors; memory is rounded up to whole steps, in MiB.
MEM_HEADROOM, TIME_HEADROOM = 1.2, 1.5
MEM_STEP_MIB = 64
#: Less is suggested only where it is at most this share of what was asked: a little is not worth a change.
_CLEARLY = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing that runs of a shape asked for, what they used of it, and what they should ask for."""

    what: Literal["mem", "time", "cores"]
    asked: float | None  #: MiB, seconds or cores; None if it was not limited
    used: float  #: what 95 % of the runs used at most, or at least if `is_at_least`
    suggested: float | None  #: None where what was asked for is right, or nothing can be told
    is_at_least: bool  #: so many runs were cut short that they may need more than that
    words: str  #: for people; ends with the option to write, if something is suggested


def _numbers() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Used:
    """How much of one thing each run used."""

    whole: array[float] = field(default_factory=_numbers)  #: of runs that came to their end
    cut: array[float] = field(default_factory=_numbers)  #: of those that were cut short: they may need any amount more
    own: int = 0  #: so many of those were cut short because they needed more of this very thing

    def add(self, amount: float, *, is_cut: bool = False, is_own: bool = False) -> None:
        """Take in how much a run used, whether it was cut short, and whether by its limit of this very thing."""
        (self.cut if is_cut else self.whole).append(amount)
        self.own += is_own

    def __len__(self) -> int:
        """Count the runs."""
        return len(self.whole) + len(self.cut)

    def percentile(self) -> tuple[float, bool]:
        """Return what 95 % of the runs used at most, or, if the second is true, at least.

        A run that was cut short counts as larger than all that were not. Where there are too many of those, all that
        can be told is what it is at least.
        """
        at = math.ceil(SHARE * len(self)) - 1
        return (sorted(self.whole)[at], False) if at < len(self.whole) else (sorted(self.whole + self.cut)[at], True)


def advise_memory(asked_mib: int | None, used: Used) -> Advice:
    """Return what is to be said of memory, in MiB; less is never suggested where any run ran out of it."""
    most, is_at_least = used.percentile()
    wanted = MEM_STEP_MIB * max(1, math.ceil(most * MEM_HEADROOM / MEM_STEP_MIB))
    suggested = _worth(asked_mib, wanted, used, is_at_least)
    if used.own and asked_mib is not None and wanted < asked_mib:
        suggested = None
    before = "asked for no limit of memory" if asked_mib is None else f"asked {asked_mib} MiB"
    then = _cut_words(used, "more") if is_at_least else f"95 % of runs used no more than {math.ceil(most)} MiB"
    words = _sentence(before, then, f"--mem {wanted}M", suggested, is_at_least)
    return Advice(
        what="mem", asked=asked_mib, used=most, suggested=suggested, is_at_least=is_at_least, words=words
    )  # fmt: skip


def advise_time(asked_s: float | None, used: Used) -> Advice:
    """Return what is to be said of the time limit, in seconds."""
    most, is_at_least = used.percentile()
    wanted, option = round_time(most * TIME_HEADROOM)
    suggested = _worth(asked_s, wanted, used, is_at_least)
    before = "asked for no limit of time" if asked_s is None else f"asked {asked_s:g} s"
    took = f"{math.ceil(most * 10) / 10:g}" if most < 10 else f"{math.ceil(most)}"
    then = _cut_words(used, "longer") if is_at_least else f"95 % of runs took no longer than {took} s"
    words = _sentence(before, then, f"--timeout {option}", suggested, is_at_least)
    return Advice(
        what="time", asked=asked_s, used=most, suggested=suggested, is_at_least=is_at_least, words=words
    )  # fmt: skip


def advise_cores(asked: int, used: Used) -> Advice:
    """Return what is to be said of cores; more are never suggested, as no run can show that it wants them."""
    most, _ = used.percentile()
    wanted = max(1, math.ceil(most))
    suggested = wanted if wanted < asked and most <= _CLEARLY * asked else None
    before, then = f"asked {count_of(asked, 'core')}", f"95 % of runs kept no more than {most:.3g} busy"
    words = _sentence(before, then, f"--cores {wanted}", suggested, False)
    return Advice(what="cores", asked=asked, used=most, suggested=suggested, is_at_least=False, words=words)


def round_time(seconds: float) -> tuple[int, str]:
    """Return a time limit rounded up, in seconds and as one writes it.

    Whole seconds, and from two minutes on whole minutes.

    >>> round_time(0.2), round_time(100.5), round_time(130), round_time(7300)
    ((1, '1s'), (101, '101s'), (180, '3m'), (7320, '2h2m'))
    """
    if seconds <= 120:
        whole = max(1, math.ceil(seconds))
        return whole, f"{whole}s"
    minutes = math.ceil(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return 60 * minutes, (f"{hours}h" if hours else "") + (f"{rest}m" if rest else "")


def _worth(asked: float | None, wanted: float, used: Used, is_at_least: bool) -> float | None:
    """Return what is wanted where it is worth a change: a limit, clearly less, or more if that was missing."""
    if is_at_least:
        return wanted if used.own and asked is not None and wanted > asked else None
    return wanted if asked is None or wanted <= _CLEARLY * asked else None


def _cut_words(used: Used, more: str) -> str:
    if not used.own:
        return f"{len(used.cut)} of {count_of(len(used), 'run')} were cut short, so their need is not known"
    return f"{used.own} of {count_of(len(used), 'run')} needed {more}"


def _sentence(before: str, then: str, option: str, suggested: float | None, is_at_least: bool) -> str:
    more = " or more" if is_at_least else ""
    return f"{before}, {then}" + (f": {option}{more}" if suggested is not None else "")
