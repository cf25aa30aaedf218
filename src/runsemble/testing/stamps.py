"""When runs were at work and on what, as they say themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

#: Python code of a run that works for ``sys.argv[2]`` seconds and writes its stamp to ``sys.argv[1]``.
#: The clock is the machine's, so stamps of different processes can be compared.
STAMP = """
import json, os, sys, time
start = time.monotonic()
time.sleep(float(sys.argv[2]))
gpus = os.environ.get("CUDA_VISIBLE_DEVICES", os.environ.get("ROCR_VISIBLE_DEVICES", ""))
facts = {
    "cores": sorted(os.sched_getaffinity(0)),
    "gpus": gpus.split(",") if gpus else [],
    "named_gpus": os.environ.get("RUNSEMBLE_GPUS", ""),
    "start": start,
    "end": time.monotonic(),
}
with open(sys.argv[1], "w") as file:
    json.dump(facts, file)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a run says of itself."""

    cores: frozenset[int]  #: its affinity mask
    gpus: tuple[str, ...]  #: those that its vendor's runtime would use
    named_gpus: str
    start: float  #: monotonic seconds
    end: float

    @classmethod
    def read(cls, path: Path) -> Stamp:
        """Return what a run wrote."""
        facts = json.loads(path.read_text())
        return cls(**{**facts, "cores": frozenset(facts["cores"]), "gpus": tuple(facts["gpus"])})


def most_at_once(stamps: Iterable[Stamp], amount: Callable[[Stamp], int] = lambda stamp: 1) -> int:
    """Return the largest sum of amounts of runs that were at work at the same time."""
    changes = []
    for stamp in stamps:
        changes += [(stamp.start, amount(stamp)), (stamp.end, -amount(stamp))]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def concurrent_pairs(stamps: Iterable[Stamp]) -> Iterator[tuple[Stamp, Stamp]]:
    """Yield every two that were at work at the same time."""
    for one, other in combinations(stamps, 2):
        if one.start < other.end and other.start < one.end:
            yield one, other
