"""What does the command line cost before and beside the runs?

CPU time, children included, of whole commands over a bare `python -c pass`, the minimum of several taken in turn; and
the peak memory of a command that reads a table of a million parameter sets, a list of them in Python beside it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Options, Wrong, environment, interleave
from records import Finding, Report, main

PROGRAM = str(Path(sys.executable).with_name("runsemble"))
COMMANDS = {
    "bare": [sys.executable, "-c", "pass"],
    "runsemble --help": [PROGRAM, "--help"],
    "runsemble run --help": [PROGRAM, "run", "--help"],
    "runsemble run --dry-run true ::: 1": [PROGRAM, "run", "--dry-run", "true", ":::", "1"],
}

#: What a program does that knows nothing better.
LISTED = """
import csv, sys
with open(sys.argv[1]) as file:
    rows = list(csv.DictReader(file))
for row in rows:
    print("echo", row["x"], row["y"])
"""


def measure(options: Options) -> Report:
    """Measure commands, then a large table."""
    place = options.fresh("commands")
    place.mkdir()
    measures: dict[str, Callable[[], float]] = {
        name: partial(cpu_ms, command, place) for name, command in COMMANDS.items()
    }
    taken = interleave(options, 15, measures)
    least = {name: min(values) for name, values in taken.items()}
    rows = options.size(1_000_000, 1000)
    table = write_table(options.fresh("table"), rows)
    findings = [
        Finding(what=f"{name}, CPU", value=least[name], unit=" ms", must=150 if name.endswith("le --help") else None)
        for name in COMMANDS
    ]
    ours = peak_mib([PROGRAM, "run", "--dry-run", "--csv", str(table), "--", "echo", "{x}", "{y}"], place, rows)
    findings.append(Finding(what=f"memory for a table of {rows} rows", value=ours, unit=" MiB", must=100))
    listed = peak_mib([sys.executable, "-c", LISTED, str(table)], place, rows)
    findings.append(Finding(what="the same table as a list of dicts in Python", value=listed, unit=" MiB"))
    return Report(
        name="command_line",
        question="What does the command line cost before and beside the runs?",
        sizes={"rows": rows},
        findings=findings,
        rounds={f"{name}, CPU ms": values for name, values in taken.items()},
    )


def cpu_ms(command: list[str], place: Path) -> float:
    """Return the CPU time of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=place, env=environment(), capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Wrong(f"{' '.join(command)} ended with status {done.returncode}")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def peak_mib(command: list[str], place: Path, rows: int) -> float:
    """Return the largest resident memory of a command that prints a line per row."""
    with subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        lines = sum(chunk.count(b"\n") for chunk in iter(partial(run.stdout.read, 1 << 20), b""))
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode or lines != rows:
        raise Wrong(f"{command[0]} printed {lines} of {rows} lines and ended with status {run.returncode}")
    return usage.ru_maxrss / 1024


def write_table(path: Path, rows: int) -> Path:
    """Write a table of three columns."""
    with open(path, "w") as file:
        file.write("x,y,name\n")
        file.writelines(f"{at},{at * 0.5},run {at}\n" for at in range(rows))
    return path


if __name__ == "__main__":
    main(measure)
