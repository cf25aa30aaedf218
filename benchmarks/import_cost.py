"""What does runsemble cost inside a run?

CPU time, as `multirun` itself reports it in `run.usage`, of `python -c "from runsemble import getRunParams"` over a
bare `python -c pass`, and of `runsemble post loss=0.25` from start to end; the minimum of 20, taken in turn, one at a
time.
"""

from __future__ import annotations

from harness import Options, run_child
from records import Finding, Report, main


def measure(options: Options) -> Report:
    """Measure the programs."""
    count = options.count_rounds(20)
    facts = run_child("programs.py", out=options.fresh("program"), count=count)
    taken: dict[str, list[float]] = {name: facts[name] for name in ("bare", "import", "post")}
    bare, imported, posted = map(min, taken.values())
    return Report(
        name="import_cost",
        question="What does runsemble cost inside a run?",
        sizes={"times": count},
        findings=[
            Finding(what="from runsemble import getRunParams, over bare", value=imported - bare, unit=" ms", must=10),
            Finding(what="runsemble post, all of it", value=posted, unit=" ms", must=25),
            Finding(what="runsemble post, over bare", value=posted - bare, unit=" ms"),
            Finding(what="bare interpreter", value=bare, unit=" ms"),
        ],
        rounds={f"{name}, CPU ms": values for name, values in taken.items()},
    )


if __name__ == "__main__":
    main(measure)
