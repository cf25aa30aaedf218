"""What many runs have in common, added up one run at a time, so that millions need little memory."""

from __future__ import annotations

import math
import random
import statistics
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runsemble.model.result import Usage
from runsemble.model.status import StoredStatus

#: Keys of results that are summed up.
_MAX_KEYS = 12
#: Different ways to fail that are counted apart.
_MAX_KINDS = 1000


#: Statuses of runs that failed: those that were killed on request did not.
FAILED: tuple[StoredStatus, ...] = ("failure", "aborted")


class RunView(Protocol):
    """A run, as far as it is shown."""

    @property
    def id(self) -> int:
        """Position in its study."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""

    @property
    def status(self) -> StoredStatus:
        """Where it stands."""

    @property
    def message(self) -> str:
        """How it ended."""

    @property
    def usage(self) -> Usage | None:
        """What it used."""

    @property
    def attempts(self) -> int:
        """How many were made."""

    @property
    def last_words(self) -> str | None:
        """The last line of stderr, if it failed."""

    @property
    def stderr(self) -> str | None:
        """Path of its standard error."""

    @property
    def trail(self) -> str | None:
        """Where to look for what became of it; None where nothing of it was kept."""


class ShownRun:
    """What a summary needs of one run, read once.

    Args:
        run: The run.
        result: What it posted.
        problem: Why that cannot be read; empty if it can.
    """

    __slots__ = ("params", "problem", "results", "run", "usage")

    def __init__(self, run: RunView, result: Any, problem: str = "") -> None:
        self.run = run
        self.problem = problem
        self.params = run.params
        self.usage = run.usage
        self.results: dict[str, Any] = {}  #: by name
        if isinstance(result, dict):
            self.results = {str(name): value for name, value in result.items()}
        elif result is not None:
            self.results = {"result": result}


class Series:
    """One number of every run that has it."""

    def __init__(self, words: Callable[[Any], str]) -> None:
        self.words = words
        self._values = array("d")
        self._is_whole = True
        self.least: tuple[Any, ShownRun] | None = None
        self.greatest: tuple[Any, ShownRun] | None = None

    def add(self, value: Any, run: ShownRun) -> None:
        """Take in the number of one run; what is no finite number is left out."""
        if not is_number(value):
            return
        self._values.append(value)
        self._is_whole = self._is_whole and type(value) is int
        if self.least is None or value < self.least[0]:
            self.least = value, run
        if self.greatest is None or value > self.greatest[0]:
            self.greatest = value, run

    def __len__(self) -> int:
        """Count the numbers."""
        return len(self._values)

    @property
    def varies(self) -> bool:
        """Whether the numbers are not all the same."""
        return self.least is not None and self.greatest is not None and self.least[0] != self.greatest[0]

    @property
    def mean(self) -> float:
        """Return the mean of the numbers."""
        return statistics.fmean(self._values)

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the numbers, 0 for a single one."""
        return statistics.stdev(self._values) if len(self._values) > 1 else 0.0

    @property
    def median(self) -> float:
        """Return the median of the numbers."""
        median = statistics.median(self._values)
        return int(median) if self._is_whole and median == int(median) else median


class Tally:
    """Adds up runs.

    Args:
        kept: How many of the first runs are kept as they are.
        failures: How many of the first that failed are kept as they are.
        looked_through: Of how many, drawn at random, the parameters are kept, to see what failures have in common.
        words: How numbers are worded: ``time`` in seconds, ``memory`` in bytes, each ``result``.
    """

    def __init__(
        self,
        *,
        kept: int,
        failures: int,
        looked_through: int,
        words: Mapping[str, Callable[[Any], str]],
    ) -> None:
        self.counts: Counter[StoredStatus] = Counter()
        self.count = 0
        self.first: list[ShownRun] = []
        self.failures: list[ShownRun] = []
        self.kinds: Counter[str] = Counter()
        self.ended: list[tuple[Mapping[str, Any], bool]] = []  #: parameters, and whether the run failed
        self.usage = {"time": Series(words["time"]), "memory": Series(words["memory"])}
        self.results: dict[str, Series] = {}
        self.given: Counter[str] = Counter()  #: how many runs have each of the results, numbers or not
        self.unreadable: list[ShownRun] = []  #: the first of the runs whose result cannot be read
        self.unreadable_count = 0
        self._words = words["result"]
        self._kept, self._failures = kept, failures
        self._looked_through = looked_through
        self._random = random.Random(0)

    def add(self, run: ShownRun) -> None:
        """Take in one run."""
        status = run.run.status
        self.counts[status] += 1
        if self.count < self._kept:
            self.first.append(run)
        self.count += 1
        if status == "success" or status in FAILED:
            self._keep_some((run.params, status in FAILED))
        if run.usage is not None:
            self.usage["time"].add(run.usage.wall_s, run)
            self.usage["memory"].add(run.usage.max_rss_bytes, run)
        self._add_results(run)
        if status in FAILED:
            if len(self.failures) < self._failures:
                self.failures.append(run)
            if run.run.message in self.kinds or len(self.kinds) < _MAX_KINDS:
                self.kinds[run.run.message] += 1

    @property
    def failed_count(self) -> int:
        """How many runs failed."""
        return sum(self.counts[status] for status in FAILED)

    def _add_results(self, run: ShownRun) -> None:
        if run.problem:
            self.unreadable_count += 1
            if len(self.unreadable) < self._failures:
                self.unreadable.append(run)
        for name, value in run.results.items():
            if name in self.given or len(self.given) < _MAX_KINDS:
                self.given[name] += 1
            series = self.results.get(name)
            if series is None and len(self.results) < _MAX_KEYS and is_number(value):
                series = self.results[name] = Series(self._words)
            if series is not None:
                series.add(value, run)

    def _keep_some(self, ended: tuple[Mapping[str, Any], bool]) -> None:
        """Keep each of the runs that ended with the same chance; evenly spaced ones would follow a grid's pattern."""
        if len(self.ended) < self._looked_through:
            self.ended.append(ended)
        elif (at := int(self._random.random() * (self.counts["success"] + self.failed_count))) < len(self.ended):
            self.ended[at] = ended


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite number that a float can stand for."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
