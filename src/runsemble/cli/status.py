"""``runsemble status``: how far a study is, who drives it, what failed."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.driving import driver_facts, driver_words, holder_facts, is_driven, is_over
from runsemble.cli.summary import wants_colour
from runsemble.display.table import clip, columns_of, printable, value_words
from runsemble.display.words import nearest_path
from runsemble.ensemble.overview import Overview, overview
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.resources import count_of
from runsemble.model.status import StoredStatus

SCHEMA = "runsemble.status/1"
#: Statuses in the order in which they are listed.
_ORDER: tuple[StoredStatus, ...] = ("success", "failure", "aborted", "killed", "skipped", "running", "pending")
#: Least room in which the parameters of a run are worth beginning, in columns.
_ROOM = 12


@click.command()
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def status(directory: str, as_json: bool) -> int:
    """Say how the study in DIR stands: its runs by status, who drives it, and what failed, the latest first.

    It takes no longer for a million runs, and disturbs nobody.
    """
    if as_json:
        click.echo(json.dumps(asyncio.run(status_facts(directory))))
    else:
        asyncio.run(print_status(directory))
    return exits.OK


async def print_status(directory: str) -> None:
    """Print how a study stands; what failed in red, where there is colour."""
    seen = await overview(directory)
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100
    has_colour = wants_colour(sys.stdout)
    for line in status_lines(seen, directory, max(40, width)):
        is_bad = has_colour and line.startswith(("  run ", "Failed"))
        sys.stdout.write((click.style(line, fg="red") if is_bad else line) + "\n")


def status_lines(seen: Overview, directory: str, width: int) -> list[str]:
    """Return the lines that tell people how a study stands."""
    share = f" ({_percent(seen.ended, seen.total)})" if seen.total else ""
    lines = [f"{typed(directory)}: {seen.ended} of {count_of(seen.total, 'run')} ended{share}"]
    digits = len(str(seen.total))
    lines += [f"  {name:8} {seen.counts[name]:{digits}}" for name in _ORDER if seen.counts[name]]
    if is_driven(seen.lease) or not is_over(seen.counts):
        words = driver_words(seen.lease, directory)
        if seen.counts["running"] and not is_driven(seen.lease):
            words += " takes over what still runs"
        lines.append(words)
    lines += [f"  with {guest}" for guest in seen.guests]
    if seen.causes:
        lines.append("Failed: " + ", ".join(f"{cause} ({count}×)" for cause, count in seen.causes.items()))
    for run in seen.failures:
        lines += _failure_lines(run, width)
    return lines


def _percent(part: int, whole: int) -> str:
    """Word a share; never 100 % of less than all."""
    return f"{100 * part // whole} %"


def _failure_lines(run: EnsembleRun, width: int) -> list[str]:
    tries = f" after {run.attempts} attempts" if run.attempts > 1 else ""
    head = clip(f"  run {run.id} {'aborted' if run.status == 'aborted' else 'failed'}{tries}: {printable(run.message)}",
                width)  # fmt: skip
    params = ", ".join(f"{printable(name)}={value_words(value)}" for name, value in run.params.items())
    room = width - columns_of(head) - 3
    lines = [head + (f" ({clip(params, room)})" if params and room >= _ROOM else "")]
    if run.last_words:
        lines.append(clip(f"    {printable(run.last_words.strip())}", width))
    return lines if run.trail is None else [*lines, f"    see {printable(nearest_path(run.trail))}"]


async def status_facts(directory: str) -> dict[str, object]:
    """Return how a study stands, ready for JSON."""
    seen = await overview(directory)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "path": directory,
        "counts": dict(seen.counts),
        "total": seen.total,
        "ended": seen.ended,
        "driver": driver_facts(seen.lease),
        "guests": [holder_facts(guest) for guest in seen.guests],
        "causes": {str(cause): count for cause, count in seen.causes.items()},
        "failures": [
            {"id": run.id, "status": run.status, "cause": None if run.cause is None else str(run.cause),
             "message": run.message, "last_words": run.last_words, "stderr": run.stderr, "run_dir": run.run_dir}
            for run in seen.failures
        ],
    }  # fmt: skip
