"""``runsemble why``: why a run stands where it does."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.directory import absolute
from runsemble.cli.summary import wants_colour
from runsemble.display.table import printable
from runsemble.display.words import duration_words, nearest_path
from runsemble.ensemble.looking import Looking
from runsemble.ensemble.why import Why
from runsemble.store.records import StoredAttempt

SCHEMA = "runsemble.why/1"


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@click.argument("run", metavar="RUN", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def why(directory: str, run: int, as_json: bool) -> int:
    """Say why run RUN of the study in DIR waits, runs, is tried again, or ended as it did.

    With the last lines that it wrote, where to find the rest, and what to do next.
    """
    found = asyncio.run(_find(directory, run))
    if as_json:
        click.echo(json.dumps({**why_as_json(found), "path": absolute(directory)}, indent=1))
    else:
        print_why(found)
    return exits.OK


async def _find(directory: str, run: int) -> Why:
    return await Looking(directory).why(run)


def print_why(found: Why) -> None:
    """Print why a run stands where it does, for people."""
    is_bad = found.run.status in ("failure", "aborted")
    colour = wants_colour(sys.stdout)
    sentence = printable(found.sentence)
    click.echo(click.style(sentence, fg="red") if colour and is_bad else sentence, color=colour)
    if len(found.attempts) > 1:
        has_steps = any(attempt.step for attempt in found.attempts)
        for attempt in found.attempts:
            step = f", step {attempt.step + 1}" if has_steps else ""
            click.echo(f"  attempt {attempt.attempt}{step}: {_attempt_words(attempt)}")
    if found.last_lines:
        click.echo("the last it wrote:")
        for line in found.last_lines:
            click.echo(f"  | {printable(line)}")
    if found.log is not None:
        click.echo(f"log: {printable(nearest_path(found.log))}")
    for words in found.advice:
        click.echo(f"→ {words}")


def _attempt_words(attempt: StoredAttempt) -> str:
    words = printable(attempt.message or "under way")
    usage = attempt.usage
    if usage is None:
        return words
    return f"{words}, after {duration_words(usage.wall_s)}, {usage.max_rss_bytes / 2**20:.0f} MiB"


def why_as_json(found: Why) -> dict[str, Any]:
    """Return why a run stands where it does, ready for JSON."""
    run = found.run
    return {
        "schema": SCHEMA,
        "version": __version__,
        "id": run.id,
        "status": run.status,
        "cause": None if run.cause is None else str(run.cause),
        "message": run.message,
        "returncode": run.returncode,
        "step": run.step,
        "sentence": found.sentence,
        "last_lines": list(found.last_lines),
        "log": found.log,
        "run_dir": run.run_dir,
        "advice": list(found.advice),
        "attempts": [_attempt_facts(attempt) for attempt in found.attempts],
    }


def _attempt_facts(attempt: StoredAttempt) -> dict[str, Any]:
    usage = attempt.usage
    return {
        "attempt": attempt.attempt,
        "step": attempt.step,
        "started": attempt.started,
        "node": attempt.node,
        "pid": attempt.pid,
        "cores": [int(core) for core in (attempt.cores or "").split(",") if core],
        "gpus": [gpu for gpu in (attempt.gpus or "").split(",") if gpu],
        "cause": None if attempt.cause is None else str(attempt.cause),
        "returncode": attempt.returncode,
        "message": attempt.message,
        "usage": None if usage is None else dict(zip(usage._fields[:-1], usage, strict=False)),
    }
