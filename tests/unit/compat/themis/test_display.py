"""What is printed of runs, as section 2 of the specification has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.compat.themis._display import NOTHING_FOUND, Shown, display_lines, shorten
from runsemble.compat.themis._progress import count_lines, progress_bar, progress_lines, status_line
from runsemble.compat.themis._records import RunRecord
from runsemble.compat.themis._runs import Step


def record(run_id: int, **more: Any) -> RunRecord:
    step = Step("/tmp/app.sh --foo a-long-argument 'q r'", tasks=4, cores_per_task=2, gpus_per_task=1)
    values: dict[str, Any] = {"sample": {"a": "1", "bb": "xyz"}, "steps": (step,), "directory": f"/data/runs/{run_id}"}
    return RunRecord(run_id=run_id, **{**values, **more})


def table(*records: RunRecord, cwd: str = "/data", **shown: Any) -> list[str]:
    lines = display_lines(records, Shown(**shown), cwd)
    assert lines[0] == lines[-1] == ""
    assert len({len(line) for line in lines[1:-1]}) == 1, "lines of different widths"
    return lines


def test_three_columns_are_always_there() -> None:
    assert table(record(1), record(10, status=1)) == [
        "",
        "-----------------------------",
        "|  Run  | Step |   Status   |",
        "-----------------------------",
        "|   1   |  0   |   queued   |",
        "|  10   |  0   | successful |",
        "-----------------------------",
        "",
    ]


def test_every_column_has_its_place_and_width() -> None:
    assert table(record(1), args=15, result=15, sample=12, directory=15, resources=True)[1:6] == [
        "-" * 120,
        (
            "|  Run  | Step |   Status   |   Directory   |     Args      |Tasks|Cores|GPUs|     a      |     bb     "
            "|    Result     |"
        ),
        "-" * 120,
        (
            "|   1   |  0   |   queued   |    runs/1     | ['/tm...q r'] |  4  |  8  | 4  |     1      |    xyz     "
            "|     None      |"
        ),
        "-" * 120,
    ]


def test_everything_is_shown_in_columns_of_at_least_the_given_width() -> None:
    line = display_lines([record(1)], Shown.everything(30, Shown()), "/data")[2]
    assert [len(cell) for cell in line[1:-1].split("|")] == [7, 6, 12, 30, 30, 5, 5, 4, 30, 30, 30]


def test_everything_keeps_a_width_that_is_larger() -> None:
    shown = Shown.everything(15, Shown(sample=30, sample_columns=1))
    assert shown == Shown(args=15, result=15, sample=30, directory=15, resources=True, sample_columns=1)


def test_columns_are_never_narrower_than_their_least_widths() -> None:
    lines = table(record(1), args=1, result=1, sample=1, directory=1)
    assert lines[2] == "|  Run  | Step |   Status   |Directory|Args|  a  | bb  |Result|"
    assert lines[4] == "|   1   |  0   |   queued   | runs/1  |...]|  1  | xyz | None |"


def test_only_the_first_step_says_what_is_of_the_run() -> None:
    steps = [Step("/a", tasks=1), Step("/b", tasks=2)]
    lines = table(record(3, steps=steps, result=5), args=10, resources=True, sample=5, sample_columns=1, result=6)
    assert lines[4:6] == [
        "|   3   |  0   |   queued   |  ['/a']  |  1  |  1  | 0  |  1  |  5   |",
        "|       |  1   |            |  ['/b']  |  2  |  2  | 0  |     |      |",
    ]


def test_names_are_those_of_the_first_run_sorted_and_at_most_so_many() -> None:
    lines = table(
        record(1, sample={"z": 1, "b": 2, "a": 3}), record(2, sample={"b": 9, "c": 7}), sample=5, sample_columns=2
    )
    assert lines[2].endswith("|  a  |  b  |")
    assert lines[4].endswith("|  3  |  2  |")
    assert lines[5].endswith("|     |  9  |")


def test_a_directory_is_seen_from_the_current_one() -> None:
    assert "|   ../data/runs/1    |" in table(record(1), directory=21, cwd="/home")[4]


def test_names_that_are_no_text_are_sorted_as_texts() -> None:
    assert table(record(1, sample={2: "x", "1": "y"}), sample=5)[2].endswith("|  1  |  2  |")


def test_a_long_name_is_shortened_too() -> None:
    assert table(record(1, sample={"a_very_long_name_of_a_parameter": 1}), sample=12)[2].endswith("| a_v...eter |")


def test_nothing_in_the_range_is_said_so() -> None:
    assert display_lines([], Shown(), "/") == ["No runs found in that range"]
    assert NOTHING_FOUND == "No runs found in that range"


@given(st.text() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.integers()), st.integers(1, 40))
def test_a_shortened_value_fits_on_one_line(value: Any, width: int) -> None:
    text = shorten(value, width)
    assert len(text) <= width
    assert text.isprintable()


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        ("short", 5, "short"),
        ("longer than that", 9, "lon...hat"),
        ("two\nlines", 20, r"two\nlines"),
        (None, 10, "None"),
        (list(range(100)), 22, "[0, 1, 2, 3, 4, 5, 6, ...]"[:9] + "..." + "[0, 1, 2, 3, 4, 5, 6, ...]"[-10:]),
        ({"a": 1}, 10, "{'a': 1}"),
    ],
)
def test_long_values_lose_their_middle(value: Any, width: int, text: str) -> None:
    assert shorten(value, width) == text


# Progress


def test_the_bar_has_35_places() -> None:
    assert progress_bar(2, 5) == "|██████████████---------------------| 40.0% Complete (2/5)"
    assert progress_bar(0, 3) == "|-----------------------------------| 0.0% Complete (0/3)"
    assert progress_bar(3, 3) == "|███████████████████████████████████| 100.0% Complete (3/3)"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None, "no-such-encoding"])
def test_a_stream_without_the_block_gets_another_sign(encoding: str | None) -> None:
    assert progress_bar(2, 5, encoding) == "|##############---------------------| 40.0% Complete (2/5)"


def test_an_ensemble_without_runs_has_a_bar_as_well() -> None:
    assert progress_bar(0, 0) == "|-----------------------------------| 0.0% Complete (0/0)"


def test_the_bar_stands_between_blank_lines() -> None:
    assert progress_lines(0, 1) == ["", progress_bar(0, 1), "", ""]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_bar_is_always_as_long(completed: int, more: int) -> None:
    assert progress_bar(completed, completed + more).index("| ") == 36


def test_every_status_is_counted_on_a_line() -> None:
    counts = {"queued": 3, "successful": 1, "failed": 0, "killed": 0, "aborted": 2}
    assert count_lines(counts) == [
        "Queued runs: 3",
        "Successful runs: 1",
        "Failed runs: 0",
        "Killed runs: 0",
        "Aborted runs: 2",
    ]


def test_numbers_of_runs_stand_on_one_line() -> None:
    assert status_line((1, 2, 30)) == "1 2 30"
    assert status_line(()) == ""
