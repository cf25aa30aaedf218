"""How long does it take until a large study that is given again starts its first new run?

A study is carried out; the same parameter sets and one more are given to `multirun` with ``resume=True``. The new run
says itself when it began.
"""

from __future__ import annotations

from typing import Any

from harness import Options, median, run_child
from records import Finding, Report, main


def measure(options: Options) -> Report:
    """Measure one study, resumed some times, a run longer each time."""
    count = options.size(100_000, 500)
    out = options.fresh("resumed")
    run_child("resumed.py", out=out, count=count)
    taken: list[dict[str, Any]] = [
        run_child("resumed.py", out=out, count=count + more) for more in range(1, options.count_rounds(5) + 1)
    ]
    waits, cpu = (median([facts[name] for facts in taken]) for name in ("first_s", "cpu_s"))
    return Report(
        name="resumption",
        question="How long does it take until a large study that is given again starts its first new run?",
        sizes={"finished runs": count},
        findings=[
            Finding(what="to the first new run", value=waits, unit=" s", must=2, note=f"{cpu:.3g} s of CPU in all"),
            Finding(what="driver at most", value=median([f["rss_peak_kib"] for f in taken]) / 1024, unit=" MiB"),
        ],
        rounds={"resumed": taken},
    )


if __name__ == "__main__":
    main(measure)
