"""How much does the driver grow with the number of runs, and what does each cost among very many?

Resident memory of the driver before and after studies of /bin/true from a generator, the result in hand, all of it;
and the time of each for a run.
"""

from __future__ import annotations

from functools import partial

from harness import Options, interleave, median, ratios, run_study
from records import Finding, Report, main


def measure(options: Options) -> Report:
    """Measure the growth for two numbers of runs."""
    small, large = counts = options.size(10_000, 200), options.size(100_000, 1000)
    measures = {f"{count} runs": partial(run_study, options, count) for count in counts}
    taken = interleave(options, 3, measures)
    grown, peak = (
        {name: median([facts[field] - facts["rss_before_kib"] for facts in rounds]) for name, rounds in taken.items()}
        for field in ("rss_after_kib", "rss_peak_kib")
    )
    slope = (grown[f"{large} runs"] - grown[f"{small} runs"]) * 1024 / (large - small)
    cost = {count: [facts["wall_s"] / count for facts in taken[f"{count} runs"]] for count in counts}
    findings = [
        Finding(what=f"driver grown by, {small} runs", value=grown[f"{small} runs"] / 1024, unit=" MiB"),
        Finding(what=f"driver grown by, {large} runs", value=grown[f"{large} runs"] / 1024, unit=" MiB", must=60),
        Finding(
            what=f"a run of {large}, against one of {small}",
            value=median(ratios(cost[large], cost[small])),
            unit="×",
            must=1.1,
        ),
    ]
    findings += [Finding(what=f"at most, {name}", value=kib / 1024, unit=" MiB") for name, kib in peak.items()]
    findings.append(Finding(what="each further run", value=slope, unit=" bytes"))
    return Report(
        name="memory",
        question="How much does the driver grow with the number of runs, and what does each cost among very many?",
        sizes={"runs": counts},
        findings=findings,
        rounds=taken,
    )


if __name__ == "__main__":
    main(measure)
