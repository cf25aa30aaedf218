"""`multirun(resume=True)`: what has ended is not executed again, whatever its position."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from runsemble import MultirunResult, multirun
from runsemble.errors import UsageError


def go_on(here: Path, values: Iterable[int], *, note: str = "", **more: Any) -> MultirunResult:
    """Run a study in ``out``, each run of which leaves a mark beside it; 2 fails."""
    script = f"echo {{x}} >> {here}/marks; runsemble post y={{x}}; [ {{x}} != 2 ]; # {note}"
    runs = [{"x": x} for x in values]
    more = {"resume": True, **more}
    return asyncio.run(multirun(runs=runs, cmd=["sh", "-c", script], output_path=here / "out", progress=False, **more))


def marks(here: Path) -> list[int]:
    return sorted(map(int, (here / "marks").read_text().split()))


def test_without_a_study_one_begins(here: Path) -> None:
    assert [run.status for run in go_on(here, [0, 1])] == ["success", "success"]
    assert marks(here) == [0, 1]


def test_runs_that_have_ended_are_known_wherever_they_stand_in_the_list(here: Path) -> None:
    go_on(here, [0, 1, 2])
    again = go_on(here, [2, 5, 1, 0])
    assert [run.params["x"] for run in again] == [2, 5, 1, 0]
    assert [run.id for run in again] == [2, 3, 1, 0]
    assert [run.status for run in again] == ["failure", "success", "success", "success"]
    assert again.results == [{"y": 2}, {"y": 5}, {"y": 1}, {"y": 0}]
    assert again[0].usage is not None
    assert marks(here) == [0, 1, 2, 5]


def test_equal_runs_are_told_apart_by_how_many_there_are(here: Path) -> None:
    go_on(here, [7, 7])
    assert [run.id for run in go_on(here, [7, 7, 7])] == [0, 1, 2]
    assert marks(here) == [7, 7, 7]


def test_those_that_failed_are_executed_again_if_asked_for(here: Path) -> None:
    go_on(here, [1, 2])
    assert [run.attempts for run in go_on(here, [1, 2])] == [1, 1]
    assert [run.attempts for run in go_on(here, [1, 2], resume="failed")] == [1, 2]
    assert marks(here) == [1, 2, 2]


def test_what_has_failed_before_is_put_up_with(here: Path) -> None:
    go_on(here, [2])
    again = go_on(here, [2, 3, 4], max_failures=0)
    assert [run.status for run in again] == ["failure", "success", "success"]


def test_another_command_makes_other_runs(here: Path) -> None:
    go_on(here, [1])
    again = go_on(here, [1], note="changed")
    assert again[0].id == 1
    assert marks(here) == [1, 1]


def test_another_input_makes_other_runs_which_get_the_new_one(here: Path) -> None:
    model = here / "model.txt"
    model.write_text("old")
    command: dict[str, Any] = {
        "cmd": ["cat", "model.txt"],
        "input_files": [model],
        "output_path": here / "out",
        "progress": False,
    }
    first = asyncio.run(multirun(runs=[{}], **command))
    model.write_text("new")
    second = asyncio.run(multirun(runs=[{}], resume=True, **command))
    assert (first[0].read_stdout(), second[0].read_stdout()) == (b"old", b"new")
    assert Path(first[0].run_dir, "model.txt").read_text() == "old"


def test_functions_are_known_again(here: Path) -> None:
    command: dict[str, Any] = {"cmd": abs, "output_path": here / "out", "progress": False}
    with pytest.raises(UsageError, match="resume needs an output_path"):
        asyncio.run(multirun(runs=[], cmd=abs, resume=True))
    command["cmd"] = divmod_of
    first = asyncio.run(multirun(runs=[{"a": 7, "b": 2}], **command))
    second = asyncio.run(multirun(runs=[{"a": 7, "b": 2}, {"a": 9, "b": 2}], resume=True, **command))
    assert first.results == [(3, 1)]
    assert second.results == [(3, 1), (4, 1)]
    assert second[0].attempts == 1


def divmod_of(a: int, b: int) -> tuple[int, int]:
    return divmod(a, b)
