"""What do runs cost while the driver computes, or is large?

The same study by three drivers: an idle one; one in which another Python thread burns CPU, so that interpreter and one
of the two cores are taken; one with a heap of 2 GB in small pages, which would make every fork slow.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from harness import Options, interleave, median, ratios, run_study, slopes
from records import Finding, Report, main

DRIVERS: dict[str, dict[str, Any]] = {"idle": {}, "busy": {"busy": True}, "heap": {"heap_mib": 2048}}


def measure(options: Options) -> Report:
    """Measure the slopes of the three drivers."""
    small, large = options.size(1000, 50), options.size(4000, 200)
    measures = {
        f"{driver} {size}": partial(run_study, options, count, **more)
        for driver, more in DRIVERS.items()
        for size, count in (("small", small), ("large", large))
    }
    taken = interleave(options, 7, measures)
    cost = {name: slopes(taken[f"{name} small"], taken[f"{name} large"], large - small) for name in DRIVERS}
    busy, heap = (median(ratios(cost[driver], cost["idle"])) for driver in ("busy", "heap"))
    findings = [
        Finding(what="a run while a thread burns CPU in the driver, against idle", value=busy, unit="×", must=3.0),
        Finding(what="a run with a 2 GB heap in the driver, against none", value=heap, unit="×", must=1.1),
    ]
    findings += [Finding(what=f"a run, {driver}", value=median(values), unit=" ms") for driver, values in cost.items()]
    return Report(
        name="busy_driver",
        question="What do runs cost while the driver computes, or is large?",
        sizes={"runs, small": small, "runs, large": large},
        findings=findings,
        rounds={**taken, **{f"{driver}, ms per run": values for driver, values in cost.items()}},
    )


if __name__ == "__main__":
    main(measure)
