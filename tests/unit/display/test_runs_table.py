from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runsemble.display.runs_table import cause_words, runs_lines
from runsemble.display.table import columns_of
from runsemble.display.tally import ShownRun
from runsemble.model.result import Usage
from runsemble.model.status import Cause, StoredStatus


@dataclass
class Seen:
    """A stored run as it is shown."""

    id: int
    params: Mapping[str, Any] = field(default_factory=dict)
    status: StoredStatus = "success"
    cause: Cause | None = Cause.OK
    returncode: int | None = 0
    message: str = ""
    usage: Usage | None = None
    attempts: int = 1
    last_words: str | None = None
    stderr: str | None = None
    trail: str | None = "/r"
    began: float | None = None


def lines_of(*runs: Seen, width: int = 120, results: Mapping[int, Any] | None = None, **how: Any) -> list[str]:
    shown = [ShownRun(run, (results or {}).get(run.id)) for run in runs]
    return runs_lines(shown, runs, width, 1000.0, **how)


FAILED = Seen(3, {"beta": 0.5}, "failure", Cause.EXIT, 2, usage=Usage(1.5, 1, 0, 30 << 20), attempts=2)
GOOD = Seen(12, {"beta": 0.25}, usage=Usage(0.5, 1, 0, 20 << 20))
WAITING = Seen(13, {"beta": 1}, "pending", None, None, attempts=0)
UNDER_WAY = Seen(14, {"beta": 2}, "running", None, None, began=990.0)


def test_a_line_tells_how_a_run_stands_what_it_was_given_and_what_it_posted() -> None:
    lines = lines_of(FAILED, GOOD, WAITING, UNDER_WAY, results={12: {"loss": 0.125}})
    assert [line.split() for line in lines] == [
        ["run", "status", "cause", "beta", "loss", "time", "memory", "attempts"],
        ["3", "failure", "exit", "2", "0.5", "1.5", "s", "30", "MiB", "2"],
        ["12", "success", "0.25", "0.125", "0.5", "s", "20", "MiB", "1"],
        ["13", "pending", "1", "0"],
        ["14", "running", "2", "10", "s", "…", "1"],
    ]


def test_results_come_first_where_they_are_what_was_asked_for() -> None:
    head = lines_of(GOOD, results={12: {"loss": 1}}, has_results_first=True)[0]
    assert head.split()[:4] == ["run", "loss", "beta", "status"]


def test_columns_in_which_nothing_would_stand_are_left_out() -> None:
    assert lines_of(WAITING)[0].split() == ["run", "status", "beta"]


def test_a_status_is_never_shortened_however_narrow_the_terminal() -> None:
    run = Seen(1, {"name": "x" * 50, "other": "y" * 50}, "failure", Cause.LAUNCH_ERROR, None)
    lines = lines_of(run, width=40)
    assert "failure" in lines[1]
    assert all(columns_of(line) <= 40 for line in lines)


def test_what_there_is_no_room_for_is_said() -> None:
    run = Seen(1, {f"parameter{at}": 1.5 for at in range(9)})
    assert lines_of(run, width=60)[-1].startswith("(no room for parameter")


def test_a_cause_is_told_with_its_code_and_success_needs_no_words() -> None:
    assert cause_words(FAILED) == "exit 2"
    assert cause_words(Seen(1, cause=Cause.SIGNAL, returncode=-9)) == "signal 9"
    assert cause_words(Seen(1, cause=Cause.OOM, returncode=-9)) == "oom"
    assert cause_words(GOOD) == cause_words(WAITING) == ""
