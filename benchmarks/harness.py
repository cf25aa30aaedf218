"""How every experiment measures: sizes, interleaved rounds, children, slopes."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from runsemble.workdir.layout import default_name

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
SLOTS = 2
_ALL_CORES = frozenset(os.sched_getaffinity(0))
#: What every run directory of a study holds.
RUN_FILES = {"params.json", "stdout", "stderr"}
#: Seconds after which a child hangs.
PATIENCE_S = 900


class NotMeasured(Exception):
    """A figure could not be taken; the text says why. It counts as neither passed nor failed."""


class Wrong(Exception):
    """What was measured did not do its work, so that its time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an experiment is to be run."""

    base: Path  #: existing directory for everything that runs write
    quick: bool = False  #: sizes that show whether a script works; their figures mean nothing
    rounds: int | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def size(self, full: int, quick: int) -> int:
        """Return a size, or what stands in for it in a smoke run."""
        return quick if self.quick else full

    def count_rounds(self, full: int) -> int:
        """Return the number of rounds."""
        return self.rounds or self.size(full, 2)

    def fresh(self, name: str) -> Path:
        """Return the path of a directory that has never existed.

        ext4 without a journal looks hard for inodes that were not deleted lately, so nothing is deleted in between.
        """
        return self.base / f"{next(self.numbers):04d}-{name}"


def interleave(options: Options, rounds: int, measures: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Take every measure once per round; the order turns round by round, so that drift falls on all alike.

    What an earlier measure left to be written to disk is written before the next one starts.
    """
    taken: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(options.count_rounds(rounds)):
        order = list(measures)[:: 1 if number % 2 == 0 else -1]
        for name in order:
            print(f"  round {number + 1}, {name}", file=sys.stderr, flush=True)
            os.sync()
            taken[name].append(measures[name]())
    return taken


def environment(python: str = sys.executable) -> dict[str, str]:
    """Return an environment like an activated virtual one's, in which Python may keep its bytecode."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PATH": os.pathsep.join([os.path.dirname(python), kept.get("PATH", os.defpath)])}


def run_child(script: str, python: str = sys.executable, **arguments: Any) -> dict[str, Any]:
    """Run one of `children/` and return the facts it tells; its progress goes to /dev/null.

    The fact ``process_s`` is added: the seconds from before its interpreter started until after it had ended.

    Raises:
        Wrong: It failed.
    """
    argv = [python, str(HERE / "children" / script), json.dumps(arguments, default=str)]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(python)) as child:
        try:
            answer = child.communicate(timeout=PATIENCE_S)[0].decode().rstrip()
        except subprocess.TimeoutExpired:
            child.kill()
            raise Wrong(f"{script} did not end within {PATIENCE_S} s") from None
    process_s = time.perf_counter() - began
    facts: dict[str, Any] = json.loads(answer.rpartition("\n")[2]) if answer else {}
    if child.returncode or "error" in facts:
        raise Wrong(f"{script} failed with status {child.returncode}: {facts.get('error', 'it said nothing')}")
    return {**facts, "process_s": process_s}


def run_study(options: Options, count: int, **more: Any) -> dict[str, Any]:
    """Run a study of `count` times /bin/true in a driver of its own, check what it left, and return its facts.

    Raises:
        Wrong: A run did not succeed, or lacks a file.
    """
    out = options.fresh(f"study-{count}")
    facts = run_child("study.py", **{"count": count, "out": out, "cmd": ["/bin/true"], **more})
    for run in range(count):
        missing = RUN_FILES.difference(os.listdir(out / default_name(run)))
        if missing:
            raise Wrong(f"run {run} left no {', '.join(sorted(missing))}")
    return facts


def are_runs_pinned(options: Options) -> bool:
    """Tell whether runs are confined to their cores, as they are unless another study has claimed these."""
    out = options.fresh("pinned")
    run_child("study.py", count=1, out=out, cmd=["grep", "Cpus_allowed_list", "/proc/self/status"])
    return (out / "0" / "stdout").read_text().split()[-1].isdigit()


def busy_share() -> float:
    """Return how much of the machine's cores others use, from half a second without work of our own."""
    before = _core_time()
    time.sleep(0.5)
    busy, whole = (late - early for early, late in zip(before, _core_time(), strict=True))
    return busy / whole if whole else 0.0


def _core_time() -> tuple[int, int]:
    """Return the ticks that the cores were busy, and all ticks."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # 3 is idle, 4 waits for disks


def use_two_cores() -> None:
    """Confine this process, and whatever it measures, to two cores, so that the defaults mean two slots.

    Raises:
        NotMeasured: There is only one.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < SLOTS:
        raise NotMeasured(f"needs {SLOTS} cores")
    os.sched_setaffinity(0, cores[:SLOTS])


@contextmanager
def all_cores() -> Iterator[int]:
    """Let this process, and whatever it measures, use all cores for once; yields how many there are."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _ALL_CORES)
    try:
        yield len(_ALL_CORES)
    finally:
        os.sched_setaffinity(0, before)


def slopes(
    small: Sequence[Mapping[str, Any]], large: Sequence[Mapping[str, Any]], difference: int, field: str = "wall_s"
) -> list[float]:
    """Return milliseconds per run of each round: what start and end cost falls out."""
    pairs = zip(small, large, strict=True)
    return [(late[field] - early[field]) * 1000 / difference for early, late in pairs]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
