"""What does a run cost, and how much of it the driver?

The slope between two numbers of runs of /bin/true, so that start and end fall out: `multirun` with everything it
keeps (a directory, parameters, two output files, status, usage) against `xargs -P2 -n1 /bin/true`, which keeps nothing.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from harness import SLOTS, Options, Wrong, interleave, median, ratios, run_study, slopes
from records import Finding, Report, main


def run_xargs(count: int) -> dict[str, Any]:
    """Run /bin/true `count` times through xargs."""
    numbers = "".join(f"{number}\n" for number in range(count))
    began = time.perf_counter()
    ended = subprocess.run(["xargs", f"-P{SLOTS}", "-n1", "/bin/true"], input=numbers.encode(), check=False)
    wall_s = time.perf_counter() - began
    if ended.returncode:  # xargs returns 123 if any of its commands failed
        raise Wrong(f"xargs ended with status {ended.returncode}")
    return {"wall_s": wall_s}


def measure(options: Options) -> Report:
    """Measure the slopes."""
    small, large = options.size(2000, 100), options.size(10_000, 400)
    measures: dict[str, Callable[[], dict[str, Any]]] = {}
    for size, count in (("small", small), ("large", large)):
        measures[f"runsemble {size}"] = partial(run_study, options, count)
        measures[f"xargs {size}"] = partial(run_xargs, count)
    taken = interleave(options, 7, measures)
    ours, theirs = (
        slopes(taken[f"{who} small"], taken[f"{who} large"], large - small) for who in ("runsemble", "xargs")
    )
    cpu = slopes(taken["runsemble small"], taken["runsemble large"], large - small, "cpu_s")
    return Report(
        name="slope",
        question="What does a run cost, and how much of it the driver?",
        sizes={"runs, small": small, "runs, large": large},
        findings=[
            Finding(what="a run, against bare xargs", value=median(ratios(ours, theirs)), unit="×", must=1.0),
            Finding(what="a run", value=median(ours), unit=" ms"),
            Finding(what="a run of bare xargs", value=median(theirs), unit=" ms"),
            Finding(what="driver CPU per run", value=median(cpu), unit=" ms", must=0.08),
        ],
        rounds={**taken, "runsemble ms per run": ours, "xargs ms per run": theirs, "driver CPU ms per run": cpu},
    )


if __name__ == "__main__":
    main(measure)
