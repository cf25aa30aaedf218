"""What experiments find: figures with bounds, as a table for people, as a record with every raw round."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness import OUT, SLOTS, NotMeasured, Options, Wrong, are_runs_pinned, busy_share, use_two_cores

#: Share of the machine's cores in use above which it is not quiet.
QUIET = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table."""

    what: str
    value: float | None  #: None: not measured, `note` says why
    unit: str = ""
    must: float | None = None  #: None: for information
    is_floor: bool = False  #: `must` is the least allowed, not the most
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return "pass", "FAIL", "not measured" or "info"."""
        if self.value is None:
            return "not measured"
        if self.must is None:
            return "info"
        return "pass" if (self.value >= self.must if self.is_floor else self.value <= self.must) else "FAIL"

    @property
    def measured(self) -> str:
        """The value in words."""
        return "–" if self.value is None else f"{self.value:.4g}{self.unit}"

    @property
    def bound(self) -> str:
        """The bound in words."""
        return "" if self.must is None else f"{'≥' if self.is_floor else '≤'} {self.must:g}{self.unit}"


@dataclass(slots=True, kw_only=True)
class Report:
    """What an experiment found."""

    name: str
    question: str
    findings: list[Finding]
    rounds: Mapping[str, Sequence[Any]] = field(default_factory=dict)  #: raw, in the order in which they were taken
    sizes: Mapping[str, Any] = field(default_factory=dict)
    surroundings: Mapping[str, Any] = field(default_factory=dict)  #: what else went on
    cores_used: int = SLOTS


def machine() -> dict[str, Any]:
    """Return what matters of the machine, and nothing that names it."""
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file system": _file_system(OUT),
    }


def _file_system(path: Path) -> str:
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, found = line.split()[:3]
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def table(findings: Sequence[Finding]) -> str:
    """Return the findings as a Markdown table."""
    rows = [("what", "measured", "must", "verdict")]
    rows += [(f.what, f.measured, f.bound, f.verdict + (f": {f.note}" if f.note else "")) for f in findings]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def carry_out(measure: Callable[[Options], Report], options: Options) -> Report:
    """Measure, and record what was found in out/NAME.json."""
    surroundings = {"busy before": round(busy_share(), 2), "runs pinned": are_runs_pinned(options)}
    if surroundings["busy before"] > QUIET or not surroundings["runs pinned"]:
        print(f"  this machine is not ours alone, repeat when it is: {surroundings}", file=sys.stderr)
    report = measure(options)
    report.surroundings = surroundings
    record = {
        **asdict(report),
        "verdicts": {finding.what: finding.verdict for finding in report.findings},
        "quick": options.quick,
        "machine": {**machine(), "cores used": report.cores_used},
    }
    OUT.mkdir(exist_ok=True)
    (OUT / f"{report.name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return report


def parse_options(parser: argparse.ArgumentParser) -> tuple[Options, argparse.Namespace]:
    """Return the options of the command line; everything runs write goes to a new directory."""
    parser.add_argument("--quick", action="store_true", help="sizes for a smoke test: the figures mean nothing")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--base", type=Path, default=OUT, help="where run directories go (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the run directories")
    arguments = parser.parse_args()
    arguments.base.mkdir(parents=True, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="work-", dir=arguments.base.resolve()))
    return Options(base=base, quick=arguments.quick, rounds=arguments.rounds), arguments


def main(measure: Callable[[Options], Report]) -> None:
    """Be the command of one experiment."""
    options, arguments = parse_options(argparse.ArgumentParser(description=sys.modules["__main__"].__doc__))
    try:
        use_two_cores()
        report = carry_out(measure, options)
    except (NotMeasured, Wrong) as problem:
        sys.exit(f"{type(problem).__name__}: {problem}")
    finally:
        if not arguments.keep:
            shutil.rmtree(options.base)
    print(f"{report.question}\n\n{table(report.findings)}")
    sys.exit(any(finding.verdict == "FAIL" for finding in report.findings) and not options.quick)
