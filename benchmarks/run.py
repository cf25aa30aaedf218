"""Runs the experiments, all or those named, and writes out/results.md."""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
from collections.abc import Sequence

from harness import OUT, NotMeasured, Options, Wrong, use_two_cores
from records import Finding, Report, carry_out, machine, parse_options, table

EXPERIMENTS = (
    "slope",
    "startup",
    "peers",
    "functions",
    "many_cores",
    "themis",
    "busy_driver",
    "loop_lag",
    "packing",
    "import_cost",
    "memory",
    "scale",
    "resumption",
    "polling",
    "command_line",
    "bar",
)


def try_experiment(name: str, options: Options) -> Report:
    """Carry an experiment out; what keeps it from being measured becomes its only finding."""
    print(name, file=sys.stderr, flush=True)
    module = importlib.import_module(name)
    try:
        return carry_out(module.measure, options)
    except (NotMeasured, Wrong) as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        (OUT / f"{name}.json").unlink(missing_ok=True)  # of an earlier time
        why = str(problem).strip().rpartition("\n")[2]
        question = str(module.__doc__).partition("\n")[0]
        return Report(name=name, question=question, findings=[Finding(what=name, value=None, note=why)])


def document(reports: Sequence[Report], quick: bool) -> str:
    """Return everything that was found, for the documentation."""
    facts = ", ".join(f"{name}: {value}" for name, value in machine().items())
    warning = "\nSmoke sizes: these figures mean nothing.\n" if quick else ""
    return f"# Benchmarks\n\n{facts}\n{warning}\n" + "\n".join(_section(report) for report in reports)


def _section(report: Report) -> str:
    sizes = ", ".join(f"{name}: {value}" for name, value in {**report.sizes, **report.surroundings}.items())
    rounds = "".join(f"- {name}: {_compact(values)}\n" for name, values in report.rounds.items())
    return f"## {report.question}\n\n{table(report.findings)}\n\n{sizes}\n\nRaw rounds:\n\n{rounds}"


def _compact(values: object) -> str:
    rounded = json.loads(json.dumps(values), parse_float=lambda text: float(f"{float(text):.4g}"))
    return f"`{json.dumps(rounded, ensure_ascii=False)}`"


def main() -> int:
    """Be the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which experiments: {', '.join(EXPERIMENTS)}")
    options, arguments = parse_options(parser)
    unknown = set(arguments.names).difference(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment is called {', '.join(sorted(unknown))}")
    use_two_cores()
    try:
        reports = [try_experiment(name, options) for name in arguments.names or EXPERIMENTS]
    finally:
        if not arguments.keep:
            shutil.rmtree(options.base)
    (OUT / "results.md").write_text(document(reports, options.quick))
    findings = [finding for report in reports for finding in report.findings]
    print(table(findings))
    return 0 if options.quick else int(any(f.verdict not in ("pass", "info") for f in findings))


if __name__ == "__main__":
    sys.exit(main())
