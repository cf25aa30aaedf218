"""``runsemble doctor``: what this machine means for runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time

import click

from runsemble.cli import exits
from runsemble.cli.summary import wants_colour
from runsemble.ensemble.sync import multirun_sync
from runsemble.errors import RunsembleError
from runsemble.nodes.checkup import CHECKS, Finding, check_file_system
from runsemble.workdir.layout import current_directory

SCHEMA = "runsemble.doctor/1"
_SIGNS = {"ok": "ok", "note": "note", "warning": "WARNING"}
#: Runs that are really started.
_RUNS = 20


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor(directory: str, as_json: bool) -> int:
    """Look at this machine, and say what it means for runs.

    DIRECTORY is where studies would be put: the current directory unless given; if it does not exist yet, the one in
    which it would be made. The report tells what runs may use, and what may end them or slow them down; and some runs
    are really started.
    """
    where = os.path.normpath(os.path.join(current_directory(), directory))
    while not os.path.isdir(where):
        where = os.path.dirname(where)
    findings = [*(check() for check in CHECKS), check_file_system(where), _try_runs()]
    if as_json:
        value = {"schema": SCHEMA, "findings": [finding._asdict() for finding in findings]}
        click.echo(json.dumps(value, ensure_ascii=False, indent=1))
    else:
        _print(findings)
    return exits.INFRASTRUCTURE if any(finding.level == "warning" for finding in findings[-2:]) else exits.OK


def _print(findings: list[Finding]) -> None:
    has_colour = wants_colour(sys.stdout)
    width = max(40, min(100, shutil.get_terminal_size((100, 24)).columns)) - 18
    for finding in findings:
        sign = _SIGNS[finding.level].ljust(8)
        if has_colour and finding.level != "ok":
            sign = click.style(sign, fg="red" if finding.level == "warning" else "yellow")
        first, *rest = click.wrap_text(finding.found, width).split("\n")
        rest += click.wrap_text("→ " + finding.meaning, width, subsequent_indent="  ").split("\n")
        click.echo(f"{sign} {finding.topic:8} {first}", color=has_colour)
        for line in rest:
            click.echo(" " * 18 + line)


def _try_runs() -> Finding:
    """Start some runs for real."""
    with tempfile.TemporaryDirectory(prefix="runsemble-doctor-") as place:
        began = time.perf_counter()
        try:
            result = multirun_sync(
                runs=({} for _ in range(_RUNS)), cmd=["true"], output_path=f"{place}/study", progress=False
            )
        except RunsembleError as error:
            return Finding("runs", "warning", str(error), "nothing can be run on this machine as it is")
        took_s = time.perf_counter() - began
    good = result.statistics.success_count
    found = f"{good} of {_RUNS} runs of `true` succeeded, in {took_s:.2f} s with the start of the agent"
    if good < _RUNS:
        failed = result.failures[0]
        return Finding("runs", "warning", found, f"run {failed.id}: {failed.message}")
    return Finding("runs", "ok", found, "agents start here, and so do runs")
