"""The results of a study as one JSON value; `docs/reference/json.md` has its schema."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from runsemble import codec
from runsemble._version import __version__
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import ResultError
from runsemble.runners.outcome import MultirunResult, last_line
from runsemble.runners.run import Run

#: Names what the value looks like. A new key does not change it; a key that goes, or means something else, does.
RESULTS_SCHEMA = "runsemble.results/1"
PLAN_SCHEMA = "runsemble.plan/1"


def write_results(
    stream: TextIO, result: MultirunResult, *, cmd: Sequence[str], started: float, wall_s: float, exit_status: int
) -> None:
    """Write everything that is known of the runs, one at a time: memory does not grow with their number."""
    stats = result.statistics
    head = {
        "schema": RESULTS_SCHEMA,
        "version": __version__,
        "command": list(cmd),
        "output_path": result.output_path,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "wall_s": round(wall_s, 3),
        "exit_status": exit_status,
        "halted": None if result.halted is None else str(result.halted),
        "counts": {
            "success": stats.success_count,
            "failure": stats.failure_count,
            "skipped": stats.skipped_count,
            "total": stats.total_count,
        },
    }
    write_value(stream, head, "runs", (_run_text(run) for run in result))


def write_value(stream: TextIO, head: dict[str, Any], key: str, items: Iterator[str]) -> None:
    """Write an object with a long list as its last item, without holding the list."""
    stream.write(json.dumps(head)[:-1] + f', "{key}": [')
    separator = "\n"
    for text in items:
        stream.write(separator + text)
        separator = ",\n"
    stream.write("\n]}\n")


def _run_text(run: Run) -> str:
    return run_text(run, output=last_line(run))


def run_text(run: Run | EnsembleRun, **more: Any) -> str:
    """Return what is known of a run as JSON.

    Args:
        run: The run.
        more: What else is to be told, ready for JSON.
    """
    facts: dict[str, Any] = {
        "id": run.id,
        "status": run.status,
        "cause": None if run.cause is None else str(run.cause),
        "message": run.message,
        "returncode": run.returncode,
        "attempts": run.attempts,
        "run_dir": run.run_dir,
        "stdout": run.stdout,
        "stderr": run.stderr,
        "usage": None,
        **more,
    }
    if run.usage is not None:
        facts["usage"] = dict(zip(run.usage._fields[:-1], run.usage, strict=False))
    result, problem = "null", None
    try:
        result = codec.encode(run.read_result(allow_pickle=False))
    except ResultError as error:
        problem = str(error)
    text = json.dumps(facts)[:-1]
    return f'{text}, "params": {codec.encode(run.params)}, "result": {result}, "result_error": {json.dumps(problem)}}}'
