"""How much does the driver grow with the number of runs?

Resident memory of the driver before and after studies of /bin/true from a generator, the result in hand, all of it.
"""

from __future__ import annotations

from functools import partial

from harness import Options, interleave, median, run_study
from records import Finding, Report, main


def measure(options: Options) -> Report:
    """Measure the growth for two numbers of runs."""
    small, large = counts = options.size(20_000, 200), options.size(100_000, 1000)
    measures = {f"{count} runs": partial(run_study, options, count) for count in counts}
    taken = interleave(options, 1, measures)
    grown, peak = (
        {name: median([facts[field] - facts["rss_before_kib"] for facts in rounds]) for name, rounds in taken.items()}
        for field in ("rss_after_kib", "rss_peak_kib")
    )
    slope = (grown[f"{large} runs"] - grown[f"{small} runs"]) * 1024 / (large - small)
    findings = [Finding(what=f"driver grown by, {name}", value=kib / 1024, unit=" MiB") for name, kib in grown.items()]
    findings += [Finding(what=f"at most, {name}", value=kib / 1024, unit=" MiB") for name, kib in peak.items()]
    findings.append(Finding(what="each further run", value=slope, unit=" bytes"))
    return Report(
        name="memory",
        question="How much does the driver grow with the number of runs?",
        sizes={"runs": counts},
        findings=findings,
        rounds=taken,
    )


if __name__ == "__main__":
    main(measure)
