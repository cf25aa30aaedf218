"""What does the status bar cost?

CPU of a process in which 2,000 runs per second begin and end, as events on the bus of a study, for some seconds: with
the bar on a terminal of 80 columns, and without anybody who listens. The difference is the bar's, all of it: counting,
learning durations, forecasting, drawing.
"""

from __future__ import annotations

from functools import partial

from harness import Options, interleave, median, run_child
from records import Finding, Report, main


def measure(options: Options) -> Report:
    """Measure a process with the bar and one without."""
    seconds = options.size(6, 1)
    measures = {
        name: partial(run_child, "events.py", seconds=seconds, rate=2000, shows_bar=shows_bar)
        for name, shows_bar in (("with a bar", True), ("without", False))
    }
    taken = interleave(options, 5, measures)
    shares = {name: [facts["cpu_s"] / facts["wall_s"] * 100 for facts in rounds] for name, rounds in taken.items()}
    cost = [a - b for a, b in zip(shares["with a bar"], shares["without"], strict=True)]
    return Report(
        name="bar",
        question="What does the status bar cost?",
        sizes={"seconds": seconds, "runs per second": 2000},
        findings=[
            Finding(what="the bar, of one core at 2,000 runs/s", value=median(cost), unit=" %", must=1),
            Finding(what="the events alone", value=median(shares["without"]), unit=" %"),
        ],
        rounds=taken,
    )


if __name__ == "__main__":
    main(measure)
