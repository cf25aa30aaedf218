"""How much faster than the original are scripts written for Themis?

One script, with the original and with the drop-in, which differ in the line that imports it: it makes an ensemble and
executes it. Once with a program alone, once with an interface whose `prep_run` and `post_run` are called for every run.

The original has a virtual environment of its own, made here if there is none, and is told to be on a platform where it
executes locally.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from harness import Options, interleave, median, ratios, run_child
from peers import prepare_environment
from records import Finding, Report, main


def run_script(options: Options, package: str, python: str, count: int, hooks: bool) -> dict[str, Any]:
    """Make and execute an ensemble."""
    out = options.fresh(f"{package}-{count}")
    return run_child("themis_runs.py", python, package=package, count=count, out=out, hooks=hooks)


def measure(options: Options) -> Report:
    """Measure both, with and without an interface."""
    plain, hooked = options.size(1000, 20), options.size(200, 6)
    theirs = prepare_environment("llnl-themis")
    packages = {"ours": ("runsemble.compat.themis", sys.executable), "theirs": ("themis", theirs)}
    sides: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for what, count, rounds in (("plain", plain, 5), ("hooks", hooked, 2)):
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            who: partial(run_script, options, package, python, count, what == "hooks")
            for who, (package, python) in packages.items()
        }
        sides[what] = interleave(options, rounds, measures)
    wall = {what: {who: [f["wall_s"] for f in facts] for who, facts in sides[what].items()} for what in sides}
    lost = {who: sum(facts["failures"] for facts in sides["hooks"][who]) for who in packages}
    runs = hooked * len(wall["hooks"]["ours"])
    note = f"of {runs} runs, the original failed {lost['theirs']} for no reason of theirs"
    return Report(
        name="themis",
        question="How much faster than the original are scripts written for Themis?",
        sizes={"runs": plain, "runs with hooks": hooked},
        findings=[
            _faster("a program", wall["plain"], 2.0, ""),
            _faster("a program between hooks", wall["hooks"], 30.0, note),
            Finding(what="runs with hooks that failed", value=float(lost["ours"]), must=0.0),
            *(
                Finding(what=f"{who}, {what}", value=median(values), unit=" s")
                for what, taken in wall.items()
                for who, values in taken.items()
            ),
        ],
        rounds={f"{what}, {who}": facts for what, taken in sides.items() for who, facts in taken.items()},
    )


def _faster(what: str, wall: dict[str, list[float]], must: float, note: str) -> Finding:
    faster = median(ratios(wall["theirs"], wall["ours"]))
    return Finding(
        what=f"{what}, faster than the original", value=faster, unit="×", must=must, is_floor=True, note=note
    )


if __name__ == "__main__":
    main(measure)
