"""The logs of former attempts, as section 5.4 of the specification has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.agent.rotation import is_rotated, log_before


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ([], None),
        (["run_0001.log", "data.txt"], None),
        (["run.log"], "run_0001.log"),
        (["run.log", "data.txt", "stdout"], "run_0001.log"),
        (["run.log", "run_0001.log"], "run_0002.log"),
        (["run.log", "run_0001.log", "run_0002.log"], "run_0003.log"),
        (["run.log", "run_0002.log"], "run_0003.log"),
        (["run.log", "run_0005.log"], "run_0002.log"),
        (["run.log", "running.log"], "run_0002.log"),
    ],
)
def test_the_old_log_gets_the_next_number(names: list[str], name: str | None) -> None:
    assert log_before(names) == name


@given(st.sets(st.integers(1, 30)))
def test_no_log_is_ever_overwritten(numbers: set[int]) -> None:
    names = {f"run_{number:04d}.log" for number in numbers}
    assert log_before({*names, "run.log"}) not in names


def test_attempts_are_numbered_from_one_on() -> None:
    names: set[str] = set()
    for _ in range(12):
        before = log_before(names)
        names |= {"run.log", before or "run.log"}
    assert names == {"run.log", *(f"run_{number:04d}.log" for number in range(1, 12))}


@pytest.mark.parametrize(
    ("run_dir", "step_dir", "is_so"),
    [
        ("/r/1", "/r/1", True),
        ("/r/1/", "/r/1", True),
        ("/r/1", "/r/1/sub/deep", True),
        ("/r/1", "/r/12", False),
        ("/r/12", "/r/1", False),
        ("/r/1", "/shared", False),
        ("/r/1", "/r", False),
    ],
)
def test_logs_are_rotated_only_where_they_are_the_runs_alone(run_dir: str, step_dir: str, is_so: bool) -> None:
    assert is_rotated(run_dir, step_dir) is is_so
