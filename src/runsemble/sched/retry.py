"""What follows an ended attempt: another one, when and with how much more, or the end."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from runsemble.errors import RequestError
from runsemble.model.resources import require_count
from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.model.text import quote

#: Exit code of a program that asks to be tried again later. Source: sysexits.h, EX_TEMPFAIL.
TEMPFAIL = 75
#: An infrastructure that fails this often for one run is not bad luck any more.
MAX_FREE_ATTEMPTS = 10
#: So many failures of the machinery are followed at once; from the next one on there is a wait.
PROMPT = 2
#: Seconds of the first such wait, unless the policy has a longer one.
MACHINERY_S = 1.0

_NOTHING: Mapping[Cause, int | None] = MappingProxyType({})
_COUNT = re.compile(r"[0-9]{1,9}|inf", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows an ended attempt."""

    kind: Literal["retry", "done", "aborted"]
    delay_s: float = 0.0  #: seconds before the next attempt may start
    mem_factor: float = 1.0  #: its memory, as a multiple of what the attempt had that ended
    time_factor: float = 1.0  #: its time limit, likewise
    is_charged: bool = False  #: whether it counts in `charged` under this cause, and not in `free`


DONE = Decision(kind="done")
ABORTED = Decision(kind="aborted")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a run is tried again, after how long, and with how much more.

    Raises:
        RequestError: A number makes no sense, or a cause is one after which nothing is ever tried again.
    """

    retries: int | None = 0  #: further attempts after failures of the run's own, None = without limit
    by_cause: Mapping[Cause, int | None] = field(default_factory=lambda: _NOTHING)  #: those of a cause, counted apart
    max_free: int = MAX_FREE_ATTEMPTS  #: further attempts after failures of the machinery's
    backoff_s: float = 0.0  #: wait after the first failure; doubles with each
    backoff_max_s: float = 300.0  #: longest wait
    mem_factor: float = 2.0  #: by how much memory grows after `oom`
    time_factor: float = 2.0  #: by how much the time limit grows after `timeout`
    tempfail_s: float = 10.0  #: first wait after exit code 75; doubles with each
    abort_on: frozenset[int] = frozenset()  #: exit codes after which the run is given up whatever may be left

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        _require_budget("retries", self.retries)
        require_count("max_free", self.max_free, 0)
        for cause, count in self.by_cause.items():
            _require_budget(str(cause), count)
            if cause in FINAL:
                raise RequestError(f"nothing is tried again after {cause}; write one of {_causes()}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not (least <= value < math.inf):
                raise RequestError(f"{name} must be a number of at least {least:g}, not {value!r}")

    def decide(self, cause: Cause, returncode: int | None, charged: Mapping[Cause, int], free: int) -> Decision:
        """Return what follows an attempt that ended for `cause`.

        Args:
            cause: Why it ended.
            returncode: Its exit code, None if it never had one.
            charged: Further attempts made so far that counted as retries, by the cause of the attempt before.
            free: Further attempts made so far that did not.
        """
        if cause in FINAL:
            return DONE
        if returncode is not None and returncode in self.abort_on:
            return ABORTED
        is_free = cause in INFRASTRUCTURE and cause not in self.by_cause
        if not (free < self.max_free if is_free else self._is_within(cause, charged)):
            return DONE
        if cause in INFRASTRUCTURE:
            delay_s = self._machinery_wait_s(free if is_free else charged.get(cause, 0))
            return Decision(kind="retry", delay_s=delay_s, is_charged=not is_free)
        if cause is Cause.OOM:
            return Decision(kind="retry", mem_factor=self.mem_factor, is_charged=True)
        if cause is Cause.TIMEOUT:
            return Decision(kind="retry", time_factor=self.time_factor, is_charged=True)
        first_s = self.tempfail_s if cause is Cause.EXIT and returncode == TEMPFAIL else self.backoff_s
        return Decision(kind="retry", delay_s=self._wait_s(first_s, sum(charged.values())), is_charged=True)

    @property
    def without_retries(self) -> RetryPolicy:
        """The same, but nothing is ever tried again."""
        return replace(self, retries=0, by_cause=_NOTHING, max_free=0)

    def _is_within(self, cause: Cause, charged: Mapping[Cause, int]) -> bool:
        if cause in self.by_cause:
            budget, used = self.by_cause[cause], charged.get(cause, 0)
        else:
            budget = self.retries
            used = sum(count for other, count in charged.items() if other not in self.by_cause)
        return budget is None or used < budget

    def _machinery_wait_s(self, before: int) -> float:
        return 0.0 if before < PROMPT else self._wait_s(max(MACHINERY_S, self.backoff_s), before - PROMPT)

    def _wait_s(self, first_s: float, before: int) -> float:
        return min(self.backoff_max_s, first_s * 2.0 ** min(before, 64))

    def __str__(self) -> str:
        """Word how often as `parse_retries` reads it: "3,oom=5"."""
        apart = [f"{cause}={_count_words(count)}" for cause, count in self.by_cause.items()]
        return ",".join(([_count_words(self.retries)] if self.retries != 0 or not apart else []) + apart)


#: Numbers of a policy that need not be whole, and the least of each.
_LEAST = {"backoff_s": 0, "backoff_max_s": 0, "mem_factor": 1, "time_factor": 1, "tempfail_s": 0}


def parse_retries(text: str) -> RetryPolicy:
    """Return how often runs are tried again: ``3``, ``inf``, ``oom=2,timeout=1``, ``3,oom=5``.

    A number alone is for every cause without one of its own; without it there is none for those.

    Raises:
        RequestError: It has none of these forms, or names a cause twice, or one after which nothing is tried again.
    """
    counts: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.rpartition("="))
        if name in counts or ("=" in part) != bool(name) or not _COUNT.fullmatch(number):
            raise _refusal(text)
        counts[name] = None if number == "inf" else int(number)
    retries = counts.pop("", 0)
    known = {cause.value: cause for cause in Cause if cause not in FINAL}
    if not counts.keys() <= known.keys():
        raise _refusal(text)
    return RetryPolicy(retries=retries, by_cause={known[name]: count for name, count in counts.items()})


def _refusal(text: str) -> RequestError:
    return RequestError(
        f"retries={quote(text)}: write a number or inf, CAUSE=NUMBER, or both, such as 3 or oom=2,timeout=1 or "
        f"3,oom=5, each cause once; CAUSE is one of {_causes()}"
    )


def _require_budget(name: str, count: int | None) -> None:
    if count is not None:
        require_count(name, count, 0)


def _causes() -> str:
    return ", ".join(cause for cause in Cause if cause not in FINAL)


def _count_words(count: int | None) -> str:
    return "inf" if count is None else str(count)
