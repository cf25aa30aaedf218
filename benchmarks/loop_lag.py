"""How late is the user's own code on the event loop while 64 runs are under way?

A ticker that wants to wake every millisecond, on an otherwise idle loop, then beside 64 slots of `sleep 0.05`: by
`multirun` with everything it keeps, from the first line of its start to the last of its end, and by plain asyncio
subprocesses behind a semaphore, with two output files each. Lateness is what comes on top of the millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from harness import Options, interleave, median, run_child
from records import Finding, Report, main

PARALLEL = 64
LAUNCHERS = ("runsemble", "asyncio")


def run_launcher(options: Options, launcher: str, count: int) -> dict[str, Any]:
    """Run `sleep 0.05` `count` times by one launcher, with the ticker beside it."""
    idle_s = options.size(3, 1)
    return run_child(
        "lag.py", launcher=launcher, count=count, slots=PARALLEL, out=options.fresh(launcher), idle_s=idle_s
    )


def extra_p99(rounds: Sequence[dict[str, Any]]) -> list[float]:
    """Return by how much the 99th percentile of the lateness exceeds that of the idle ticker, in ms."""
    return [facts["loaded"]["p99_ms"] - facts["idle"]["p99_ms"] for facts in rounds]


def measure(options: Options) -> Report:
    """Measure the lateness with both launchers."""
    count = options.size(6400, 640)
    taken = interleave(options, 5, {name: partial(run_launcher, options, name, count) for name in LAUNCHERS})
    extra = {name: extra_p99(rounds) for name, rounds in taken.items()}
    findings = [
        Finding(what="loop lag p99 over idle, 64 runs", value=median(extra["runsemble"]), unit=" ms", must=5.0),
        Finding(what="the same with asyncio subprocesses", value=median(extra["asyncio"]), unit=" ms"),
    ]
    for name, rounds in taken.items():
        idle, worst = median([f["idle"]["p99_ms"] for f in rounds]), median([f["loaded"]["max_ms"] for f in rounds])
        per_run = median([facts["wall_s"] * 1000 / count for facts in rounds])
        findings.append(Finding(what=f"loop lag p99, idle, before {name}", value=idle, unit=" ms"))
        findings.append(Finding(what=f"largest lag, {name}", value=worst, unit=" ms"))
        findings.append(Finding(what=f"a run of sleep 0.05, {name}", value=per_run, unit=" ms"))
    return Report(
        name="loop_lag",
        question="How late is the user's own code on the event loop while 64 runs are under way?",
        sizes={"runs": count, "slots": PARALLEL},
        findings=findings,
        rounds={**taken, **{f"{name}, p99 over idle, ms": values for name, values in extra.items()}},
    )


if __name__ == "__main__":
    main(measure)
