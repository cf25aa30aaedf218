"""What does an ensemble of a million runs cost to make, to open and to look at?

Everything in one process, through `Ensemble`; conditions through the command line, start of its interpreter included.
CPU time stands beside the wall time: where they differ, the machine was busy with something else.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from harness import Options, Wrong, environment, interleave, median, run_child
from records import Finding, Report, main

#: What is measured, in words, and the most it may take, in seconds.
LOOKS = {
    "create": ("create, from a generator", 15.0),
    "open": ("open", 1.0),
    "count": ("count by status", 0.005),
    "filter": ("filter by status, all ids", 1.0),
    "page": ("the first page of 50 runs", 0.05),
}
CONDITION = "beta > 0.9"


def look(options: Options, count: int) -> dict[str, Any]:
    """Make an ensemble, look at it, and choose runs by a condition."""
    out = options.fresh(f"ensemble-{count}")
    facts = run_child("million.py", out=out, count=count)
    facts["condition_s"] = _ask(out, count)
    return facts


def _ask(out: Path, count: int) -> float:
    """Return the seconds in which the command line finds the runs that fulfil a condition, all of them."""
    argv = [sys.executable, "-m", "runsemble", "runs", str(out), "--where", CONDITION, "--ids"]
    began = time.perf_counter()
    answer = subprocess.run(argv, capture_output=True, check=True, env=environment())
    took = time.perf_counter() - began
    found = len(answer.stdout.split())
    if found != sum(at / count > 0.9 for at in range(count)):
        raise Wrong(f"{CONDITION} chose {found} runs")
    return took


def measure(options: Options) -> Report:
    """Measure it some times."""
    count = options.size(1_000_000, 1000)
    taken = interleave(options, 3, {"ensemble": partial(look, options, count)})["ensemble"]
    findings = []
    for name, (words, must) in LOOKS.items():
        seconds, cpu = (median([facts[f"{name}_{kind}"] for facts in taken]) for kind in ("s", "cpu_s"))
        findings.append(Finding(what=words, value=seconds, unit=" s", must=must, note=f"{cpu:.4g} s of CPU"))
    asked = median([facts["condition_s"] for facts in taken])
    peak = median([facts["rss_peak_kib"] / 1024 for facts in taken])
    findings += [
        Finding(what=f"runsemble runs --where '{CONDITION}' --ids", value=asked, unit=" s", must=1),
        Finding(what="resident memory at most", value=peak, unit=" MiB", must=200),
    ]
    return Report(
        name="scale",
        question="What does an ensemble of a million runs cost to make, to open and to look at?",
        sizes={"runs": count},
        findings=findings,
        rounds={"ensemble": taken},
    )


if __name__ == "__main__":
    main(measure)
