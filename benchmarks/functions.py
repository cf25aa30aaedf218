"""How many calls of a function per second, each a run with a process of its own?

The slope between two numbers of runs, so that start, import and end fall out. Beside it stands what the operating
system asks for a process of that kind: the same interpreter with the same modules, forked and ended, and nothing else.
And there stands Parsl, whose workers call one function after the other in the same process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness import SLOTS, Options, interleave, median, ratios, run_child, slopes
from peers import prepare_environment
from records import Finding, Report, main

#: What is called, and how many calls per second there must be.
KINDS = {"noop": ("a call that does nothing", 800.0), "numpy": ("a call whose module imports numpy", 800.0)}


def run_calls(options: Options, kind: str, count: int) -> dict[str, Any]:
    """Run a study of so many calls in a driver of its own."""
    return run_child("calls.py", kind=kind, count=count, out=options.fresh(f"calls-{kind}-{count}"))


def run_forks(kind: str, count: int) -> dict[str, Any]:
    """Fork so many times, on two cores."""
    return run_child("forks.py", kind=kind, count=count)


def run_parsl(options: Options, python: str, small: int, large: int) -> dict[str, Any]:
    """Make so many calls, and so many, with Parsl; tell what one costs."""
    facts = run_child("parsl_calls.py", python, out=options.fresh("parsl"), slots=SLOTS, counts=[small, large])
    wall_s = facts["wall_s"]
    return {**facts, "ms": (wall_s[str(large)] - wall_s[str(small)]) * 1000 / (large - small)}


def measure(options: Options) -> Report:
    """Measure the slopes."""
    small, large = options.size(1000, 50), options.size(4000, 150)
    parsl = prepare_environment("parsl")
    measures: dict[str, Callable[[], dict[str, Any]]] = {"Parsl": partial(run_parsl, options, parsl, small, large)}
    for kind in KINDS:
        measures[f"{kind}, small"] = partial(run_calls, options, kind, small)
        measures[f"{kind}, large"] = partial(run_calls, options, kind, large)
        measures[f"{kind}, forks"] = partial(run_forks, kind, large)
    taken = interleave(options, 5, measures)
    findings: list[Finding] = []
    costs: dict[str, list[float]] = {"Parsl, ms per call": [facts["ms"] for facts in taken["Parsl"]]}
    for kind, (words, must) in KINDS.items():
        ours = slopes(taken[f"{kind}, small"], taken[f"{kind}, large"], large - small)
        bare = [facts["wall_s"] * 1000 / large for facts in taken[f"{kind}, forks"]]
        costs |= {f"{kind}, ms per call": ours, f"{kind}, ms per fork": bare}
        findings += [
            Finding(what=words, value=1000 / median(ours), unit=" per second", must=must, is_floor=True),
            Finding(what=f"{words}, against a fork alone", value=median(ratios(ours, bare)), unit="×"),
        ]
    against = median(ratios(costs["Parsl, ms per call"], costs["noop, ms per call"]))
    findings.append(Finding(what="a call that does nothing, faster than Parsl's", value=against, unit="×"))
    return Report(
        name="functions",
        question="How many calls of a function per second, each a run with a process of its own?",
        sizes={"calls, small": small, "calls, large": large},
        findings=findings,
        rounds={**taken, **costs},
    )


if __name__ == "__main__":
    main(measure)
