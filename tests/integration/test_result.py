"""The result of a study: a sequence of runs, their numbers, their failures, a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from runsemble import MultirunResult, Run, RunsFailed

from .conftest import RunStudy

#: Posts the double of x; fails for x = 1 and x = 3.
DOUBLE = (
    "sh",
    "-c",
    "echo '{\"double\": '$(( {x} * 2 ))'}' > results.json; case {x} in 1|3) echo sorry >&2; exit {x};; esac",
)
FIVE = [{"x": x} for x in range(5)]


@pytest.fixture
def mixed(study: RunStudy) -> MultirunResult:
    """Five runs, two of which have failed."""
    return study(*DOUBLE, runs=FIVE)


def test_the_result_is_a_sequence_of_runs_in_the_order_of_the_parameter_sets(mixed: MultirunResult) -> None:
    assert isinstance(mixed, Sequence)
    assert len(mixed) == 5
    assert all(isinstance(run, Run) for run in mixed)
    assert [run.id for run in mixed] == [0, 1, 2, 3, 4]
    assert [run.params for run in mixed] == FIVE


def test_the_result_can_be_indexed_from_both_ends(mixed: MultirunResult) -> None:
    assert mixed[0].id == 0
    assert mixed[-1].id == 4
    assert mixed[-5] == mixed[0]
    for beyond in (5, -6):
        with pytest.raises(IndexError):
            mixed[beyond]


def test_the_result_can_be_sliced(mixed: MultirunResult) -> None:
    assert [run.id for run in mixed[1:3]] == [1, 2]
    assert [run.id for run in mixed[::-2]] == [4, 2, 0]
    assert [run.id for run in mixed[-2:]] == [3, 4]


def test_the_result_knows_its_runs(mixed: MultirunResult) -> None:
    assert mixed[2] in mixed
    assert mixed.index(mixed[3]) == 3
    assert [run.id for run in reversed(mixed)] == [4, 3, 2, 1, 0]


def test_the_numbers_add_up(mixed: MultirunResult) -> None:
    stats = mixed.statistics
    assert (stats.success_count, stats.failure_count, stats.skipped_count) == (3, 2, 0)
    assert (stats.pending_count, stats.running_count) == (0, 0)
    assert (stats.complete_count, stats.total_count) == (5, 5)


def test_results_stand_in_order_with_those_of_failed_runs(mixed: MultirunResult) -> None:
    assert mixed.results == [{"double": 2 * x} for x in range(5)]


def test_failures_are_the_runs_that_failed(mixed: MultirunResult) -> None:
    assert [run.id for run in mixed.failures] == [1, 3]


def test_raise_for_failures_says_how_many_why_and_where_to_look(mixed: MultirunResult) -> None:
    with pytest.raises(RunsFailed, match=r"^2 of 5 runs failed") as caught:
        mixed.raise_for_failures()
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "run 1" in lines[1]
    assert "exit code 1" in lines[1]
    assert f"{mixed[1].run_dir}/stderr" in lines[1]
    assert list(caught.value.failures) == mixed.failures


def test_raise_for_failures_names_only_the_first_of_many(study: RunStudy) -> None:
    result = study("false", runs=[{}] * 20)
    with pytest.raises(RunsFailed, match=r"^20 of 20 runs failed") as caught:
        result.raise_for_failures()
    assert len(str(caught.value).splitlines()) == 5
    assert str(caught.value).splitlines()[-1].strip() == "and 17 more"
    assert len(caught.value.failures) == 20


def test_raise_for_failures_is_silent_when_all_went_well(study: RunStudy) -> None:
    result = study("true", runs=FIVE)
    result.raise_for_failures()
    assert result.failures == []


def test_raise_for_failures_counts_runs_that_were_not_run(study: RunStudy) -> None:
    result = study("false", runs=[{}] * 200, max_failures=0)
    with pytest.raises(RunsFailed, match=r"of 200 runs failed, \d+ were not run|of \d+ runs failed"):
        result.raise_for_failures()


def test_the_table_has_a_row_per_run(mixed: MultirunResult) -> None:
    table = mixed.to_dataframe()
    assert list(table["x"]) == [0, 1, 2, 3, 4]
    assert list(table["double"]) == [0, 2, 4, 6, 8]
    assert list(table["status"]) == ["success", "failure", "success", "failure", "success"]
    assert list(table["cause"]) == ["ok", "exit", "ok", "exit", "ok"]
    assert list(table["returncode"]) == [0, 1, 0, 3, 0]
    assert list(table["attempts"]) == [1] * 5
    assert (table["wall_s"] > 0).all()
    assert list(table["run_dir"]) == [run.run_dir for run in mixed]
    assert list(table.index) == [0, 1, 2, 3, 4]


def test_a_result_that_is_no_dict_has_a_column_of_its_own(study: RunStudy) -> None:
    table = study("sh", "-c", "echo {x}.5 > results.json", runs=FIVE).to_dataframe()
    assert list(table["result"]) == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_a_results_key_that_is_taken_gets_another_column(study: RunStudy) -> None:
    script = 'echo \'{"x": 10, "status": "fine", "y": 1}\' > results.json'
    table = study("sh", "-c", script, runs=[{"x": 1}]).to_dataframe()
    assert table.loc[0, "x"] == 1
    assert table.loc[0, "result_x"] == 10
    assert table.loc[0, "status"] == "success"
    assert table.loc[0, "result_status"] == "fine"
    assert table.loc[0, "y"] == 1


def test_the_table_of_no_runs_is_empty(study: RunStudy) -> None:
    assert len(study("true", runs=[]).to_dataframe()) == 0


def test_a_study_without_runs_is_no_error(study: RunStudy, here: Path) -> None:
    result = study("true", runs=[])
    assert (len(result), list(result), result.results, result.failures) == (0, [], [], [])
    assert result.statistics.total_count == 0
    assert result.output_path == str(here / "out")
    result.raise_for_failures()


def test_the_result_words_itself(mixed: MultirunResult) -> None:
    assert repr(mixed).startswith("<MultirunResult 5 runs: 3 success, 2 failure; ")
    assert mixed.output_path in repr(mixed)
