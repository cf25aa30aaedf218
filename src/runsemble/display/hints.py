"""What failed runs have in common: values of parameters at which failures cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runsemble.display.table import clip, printable, value_words

#: Chance would make such a cluster less often than this, all the places where one was looked for taken together.
SIGNIFICANT = 0.01
#: Hints that are shown.
MOST = 3
#: Columns that the name of a parameter takes at most, and a value.
_NAME = 32
#: A parameter with more different values than this is looked at only for thresholds.
_MAX_VALUES = 200


class Cluster(NamedTuple):
    """Runs among which failures are frequent."""

    parameter: str
    relation: str  #: "=", "≥" or "≤"
    value: Any
    failed: int
    runs: int
    failed_elsewhere: int
    runs_elsewhere: int

    def __str__(self) -> str:
        """Word it: "gamma = 0.2: 9 of 9 runs failed, elsewhere 1 of 36"."""
        name, value = clip(printable(self.parameter), _NAME), clip(value_words(self.value), _NAME)
        return (
            f"{name} {self.relation} {value}: {self.failed} of {self.runs} runs failed, "
            f"elsewhere {self.failed_elsewhere} of {self.runs_elsewhere}"
        )


def find_clusters(runs: Sequence[tuple[Mapping[str, Any], bool]]) -> list[Cluster]:
    """Return where failures cluster, the clearest first; none when chance explains it or every run failed.

    Args:
        runs: The parameters of each run that ended, and whether it failed.
    """
    failed = sum(is_failed for _, is_failed in runs)
    if failed < 2 or failed == len(runs):
        return []
    names = list(dict.fromkeys(name for params, _ in runs for name in params))
    looks = 0
    found: list[tuple[float, Cluster]] = []
    for name in names:
        having = [(params[name], is_failed) for params, is_failed in runs if name in params]
        thresholds = _thresholds(name, having)
        candidates = [*_values(name, having), *thresholds]
        looks += len(candidates)
        if thresholds:  # the best of as many as there are values
            looks += len({value for value, _ in having}) - 1
        rated = [(_chance(len(having), sum(f for _, f in having), one), one) for one in candidates]
        if rated:
            found.append(min(rated, key=lambda item: (item[0], item[1].relation != "=")))
    found = [(chance, one) for chance, one in found if chance * looks < SIGNIFICANT and _is_telling(one)]
    return [one for _, one in sorted(found, key=lambda item: item[0])[:MOST]]


def _values(name: str, having: Sequence[tuple[Any, bool]]) -> list[Cluster]:
    """Return a candidate for every value that several runs share."""
    counts: dict[str, list[Any]] = {}
    for value, is_failed in having:
        entry = counts.setdefault(f"{type(value).__name__} {value!r}", [value, 0, 0])
        entry[1] += is_failed
        entry[2] += 1
        if len(counts) > _MAX_VALUES:
            return []
    failed, runs = sum(f for _, f in having), len(having)
    return [
        Cluster(name, "=", value, bad, count, failed - bad, runs - count)
        for value, bad, count in counts.values()
        if bad >= 2 and count < runs
    ]


def _thresholds(name: str, having: Sequence[tuple[Any, bool]]) -> list[Cluster]:
    """Return the best candidates of the form "from a value on" and "up to a value", for a parameter of numbers."""
    if any(type(value) not in (int, float) or value != value for value, _ in having):
        return []
    ordered = sorted(having, key=lambda item: item[0])
    if len({value for value, _ in ordered}) < 4:
        return []
    failed, runs = sum(f for _, f in having), len(having)
    below, best = 0, {"≥": (0.0, 0, 0), "≤": (0.0, 0, 0)}
    for at in range(1, runs):
        below += ordered[at - 1][1]
        if ordered[at - 1][0] == ordered[at][0]:
            continue
        gap = below / at - (failed - below) / (runs - at)  # how much more often the lower part fails
        weight = abs(gap) * math.sqrt(at * (runs - at))
        side = "≤" if gap > 0 else "≥"
        if weight > best[side][0]:
            best[side] = (weight, at, below)
    clusters = []
    if best["≥"][1]:
        _, at, below = best["≥"]
        clusters.append(Cluster(name, "≥", ordered[at][0], failed - below, runs - at, below, at))
    if best["≤"][1]:
        _, at, below = best["≤"]
        clusters.append(Cluster(name, "≤", ordered[at - 1][0], below, at, failed - below, runs - at))
    return clusters


def _is_telling(cluster: Cluster) -> bool:
    """Tell whether runs of the cluster fail often, and much more often than others."""
    inside = cluster.failed / cluster.runs
    outside = cluster.failed_elsewhere / max(1, cluster.runs_elsewhere)
    return inside >= 0.3 and inside >= 2 * outside


def _chance(runs: int, failed: int, cluster: Cluster) -> float:
    """Return how likely at least so many of the failures would fall on these runs if they fell anywhere.

    Source: Fisher's exact test, one-sided: the tail of the hypergeometric distribution.
    """
    total = _log_choose(runs, failed)
    tail = 0.0
    for hits in range(cluster.failed, min(failed, cluster.runs) + 1):
        if failed - hits > runs - cluster.runs:
            continue
        ways = _log_choose(cluster.runs, hits) + _log_choose(runs - cluster.runs, failed - hits)
        term = math.exp(ways - total)
        tail += term
        if term < tail * 1e-6:
            break
    return min(1.0, tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
