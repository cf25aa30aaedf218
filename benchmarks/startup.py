"""How long does it take from the start of the interpreter to the first run?

The first run stamps its own start: it is `date`, so that the end of the measure is in the run, not in the driver.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

from harness import Options, Wrong, environment, interleave, median, run_child
from records import Finding, Report, main

RUNS = 4


def start_study(options: Options) -> float:
    """Return the seconds from before the interpreter's start to the first of a few runs."""
    out = options.fresh("startup")
    began = time.time()
    run_child("study.py", count=RUNS, out=out, cmd=["date", "+%s.%N"])
    stamps = [float((out / str(run) / "stdout").read_text()) for run in range(RUNS)]
    return min(stamps) - began


def start_python() -> float:
    """Return the seconds that a bare interpreter takes."""
    began = time.perf_counter()
    if subprocess.run([sys.executable, "-c", "pass"], env=environment(), check=False).returncode:
        raise Wrong("python -c pass failed")
    return time.perf_counter() - began


def measure(options: Options) -> Report:
    """Measure the start."""
    start_study(options)  # once for the bytecode
    measures = {"runsemble": partial(start_study, options), "bare Python": partial(start_python)}
    taken = interleave(options, 15, measures)
    return Report(
        name="startup",
        question="How long does it take from the start of the interpreter to the first run?",
        sizes={"runs": RUNS},
        findings=[
            Finding(what="interpreter to first run", value=median(taken["runsemble"]), unit=" s", must=0.35),
            Finding(what="bare interpreter, start to end", value=median(taken["bare Python"]), unit=" s"),
        ],
        rounds=taken,
    )


if __name__ == "__main__":
    main(measure)
