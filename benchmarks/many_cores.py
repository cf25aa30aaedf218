"""How well are many cores kept busy by short runs?

The slope between two numbers of runs, on all cores that there are: of programs against `xargs -P`, which starts the
same ones and keeps nothing; of calls of a function against a pool of the standard library whose workers make one call
each. This is the only experiment that is not confined to two cores.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from functions import run_calls
from harness import NotMeasured, Options, Wrong, all_cores, interleave, median, ratios, run_child, run_study, slopes
from records import Finding, Report, main

LEAST_CORES = 4
#: What runs do: names, and for how many seconds they compute.
LENGTHS = {"/bin/true": 0.0, "5 ms": 0.005, "25 ms": 0.025}
LOOP = 'i=0; while [ "$i" -lt {} ]; do i=$((i+1)); done'
#: A number of turns that takes long enough to be timed.
TRIAL = 100_000


def program(length_s: float) -> list[str]:
    """Return a program that computes for so long on this machine."""
    if not length_s:
        return ["/bin/true"]
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(["/bin/sh", "-c", LOOP.format(TRIAL)], check=True)
        times.append(time.perf_counter() - began)
    return ["/bin/sh", "-c", LOOP.format(round(TRIAL * length_s / min(times)))]


def run_xargs(cmd: list[str], slots: int, count: int) -> dict[str, Any]:
    """Run a program so many times through xargs."""
    numbers = "".join(f"{number}\n" for number in range(count))
    began = time.perf_counter()
    ended = subprocess.run(["xargs", f"-P{slots}", "-n1", *cmd], input=numbers.encode(), check=False)
    wall_s = time.perf_counter() - began
    if ended.returncode:
        raise Wrong(f"xargs ended with status {ended.returncode}")
    return {"wall_s": wall_s}


def measure(options: Options) -> Report:
    """Measure the slopes."""
    with all_cores() as cores:
        if cores < LEAST_CORES:
            raise NotMeasured(f"needs {LEAST_CORES} cores")
        return _measure(options, cores)


def _measure(options: Options, cores: int) -> Report:
    measures: dict[str, Callable[[], dict[str, Any]]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for name, length_s in LENGTHS.items():
        cmd = program(length_s)
        each_s = max(length_s, 0.004)
        sizes[name] = options.size(round(0.5 * cores / each_s), 100), options.size(round(2.5 * cores / each_s), 300)
        for size, count in zip(("small", "large"), sizes[name], strict=True):
            measures[f"{name}, ours {size}"] = partial(run_study, options, count, cmd=cmd)
            measures[f"{name}, theirs {size}"] = partial(run_xargs, cmd, cores, count)
    sizes["calls"] = options.size(1000, 50), options.size(5000, 150)
    for size, count in zip(("small", "large"), sizes["calls"], strict=True):
        measures[f"calls, ours {size}"] = partial(run_calls, options, "noop", count)
        measures[f"calls, theirs {size}"] = partial(run_child, "pool_calls.py", count=count, slots=cores)
    taken = interleave(options, 5, measures)
    findings: list[Finding] = []
    costs: dict[str, list[float]] = {}
    for name, (small, large) in sizes.items():
        ours, theirs = (
            slopes(taken[f"{name}, {who} small"], taken[f"{name}, {who} large"], large - small)
            for who in ("ours", "theirs")
        )
        costs |= {f"{name}, ours, ms": ours, f"{name}, theirs, ms": theirs}
        peer = "a pool of the standard library's" if name == "calls" else "xargs"
        findings += [
            Finding(what=name, value=1000 / median(ours), unit=" per second"),
            Finding(what=f"{name}, cost against {peer}", value=median(ratios(ours, theirs)), unit="×"),
        ]
        if LENGTHS.get(name):
            busy = LENGTHS[name] * 1000 / cores / median(ours)
            findings.append(Finding(what=f"{name}, of the cores' time spent computing", value=100 * busy, unit=" %"))
    return Report(
        name="many_cores",
        question="How well are many cores kept busy by short runs?",
        sizes={"cores": cores, **{f"runs, {name}": f"{small} and {large}" for name, (small, large) in sizes.items()}},
        cores_used=cores,
        findings=findings,
        rounds={**taken, **costs},
    )


if __name__ == "__main__":
    main(measure)
