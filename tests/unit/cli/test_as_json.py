from __future__ import annotations

import io
import json
from typing import Any

import pytest

from runsemble.cli.as_json import RESULTS_SCHEMA, write_results
from runsemble.model.files import OutputMode
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.table import RunTable

from ..runners.ended import add_run, end_run


def written(table: RunTable) -> dict[str, Any]:
    """Return what is written of a study, read again."""
    stream = io.StringIO()
    write_results(stream, MultirunResult(table, "/out"), cmd=["true"], started=0.0, wall_s=1.0, exit_status=0)
    value: dict[str, Any] = json.loads(stream.getvalue())
    return value


@pytest.mark.parametrize(
    ("mode", "text", "output"),
    [
        ("tail", "first\nloss 0.5\n", "loss 0.5"),
        ("tail", "", None),
        ("tail", "\udcff\x1b", "\ufffd\x1b"),
        ("files", "", None),
    ],
)
def test_the_last_line_that_a_run_printed_is_written(mode: OutputMode, text: str, output: str | None) -> None:
    table = RunTable()
    end_run(add_run(table, {"x": 1}, mode), tail=text)
    value = written(table)
    assert value["runs"][0]["output"] == output
    assert value["schema"] == RESULTS_SCHEMA == "runsemble.results/1"
