"""Which runs of a stored study are meant: by their numbers, by where they stand, by a condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runsemble.model.status import Cause, StoredStatus
from runsemble.model.where_tree import MISSING
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, StoredAttempt, StoredRun

if TYPE_CHECKING:
    from runsemble.model.where import Condition

#: What a condition may ask of a run beside its parameters and its results.
FACTS = ("id", "status", "cause", "attempts", "returncode", "message", "step", "time", "memory")
#: Of these, what is told by the latest attempt: seconds, MiB.
_OF_ATTEMPT = ("time", "memory")
#: Ranges of ids that are asked for at a time.
RANGES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Runs of a stored study; all of them if nothing is said. What is said holds all at once."""

    ids: Sequence[range] | None = None  #: their numbers: ascending, apart from each other
    statuses: Sequence[StoredStatus] = ()  #: one of these
    causes: Sequence[Cause] = ()  #: their last attempt ended for one of these
    has_result: bool = False  #: they have posted something
    where: Condition | None = None  #: over parameters, results and `FACTS`

    def conditions(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield conditions in SQL over ``runs`` with their values; one after the other they choose all but `where`.

        What they choose is in the order of ids, and nothing is chosen twice.
        """
        parts, values = list[str](), list[Any]()
        for column, numbers in (
            ("state", [STATUS_NUMBER[status] for status in dict.fromkeys(self.statuses)]),
            ("cause", [CAUSE_NUMBER[cause] for cause in dict.fromkeys(self.causes)]),
        ):
            if numbers:
                parts.append(f"{column} = ?" if len(numbers) == 1 else f"{column} IN ({','.join('?' * len(numbers))})")
                values += numbers
        if self.has_result:
            parts.append("EXISTS (SELECT 1 FROM results WHERE results.run = runs.id)")
        if self.ids is None:
            yield " AND ".join(parts) or "1", values
            return
        for at in range(0, len(self.ids), RANGES):
            chunk = self.ids[at : at + RANGES]
            among = "(" + " OR ".join(["id BETWEEN ? AND ?"] * len(chunk)) + ")"
            ends = [end for numbers in chunk for end in (numbers.start, numbers.stop - 1)]
            yield " AND ".join([among, *parts]), [*ends, *values]


class Asked:
    """Answers what a condition asks of one run; a name means a parameter first, then a result, then a fact.

    ``params.x`` and ``result.x`` say which; ``result`` alone is the whole result.

    Args:
        run: The run.
        result: What it posted, None if nothing.
        attempt: The latest one.
    """

    __slots__ = ("_attempt", "_run", "params", "result")

    def __init__(self, run: StoredRun, result: Any = None, attempt: StoredAttempt | None = None) -> None:
        self.params = run.params
        self.result = result
        self._run = run
        self._attempt = attempt

    def __call__(self, name: str) -> Any:
        """Return what a name stands for, `MISSING` if nothing."""
        result = self.result if isinstance(self.result, Mapping) else {}
        for values in (self.params, result):
            found = _find(values, name)
            if found is not MISSING:
                return found
        head, _, rest = name.partition(".")
        if head == "params" and rest:
            return _find(self.params, rest)
        if head == "result":
            return _find(result, rest) if rest else MISSING if self.result is None else self.result
        return self._fact(name)

    def _fact(self, name: str) -> Any:
        run = self._run
        if name in _OF_ATTEMPT:
            usage = self._attempt.usage if self._attempt is not None else None
            if usage is None:
                return MISSING
            return usage.wall_s if name == "time" else usage.max_rss_bytes / 2**20
        if name not in FACTS:
            return MISSING
        if name == "cause":
            return MISSING if run.cause is None else str(run.cause)
        return run.attempt if name == "attempts" else getattr(run, name)

    @property
    def names(self) -> list[str]:
        """What it has an answer to, facts apart."""
        return [*self.params, *(map(str, self.result) if isinstance(self.result, Mapping) else ())]


def needs_attempts(condition: Condition) -> bool:
    """Tell whether a condition may ask for what only attempts tell."""
    return any(name in _OF_ATTEMPT for name in condition.names)


def _find(values: Mapping[Any, Any], name: str) -> Any:
    """Return the value of a name, which may lead into mappings in mappings: ``fit.loss``."""
    if name in values:
        return values[name]
    head, _, rest = name.partition(".")
    inner = values.get(head)
    return _find(inner, rest) if rest and isinstance(inner, Mapping) else MISSING
