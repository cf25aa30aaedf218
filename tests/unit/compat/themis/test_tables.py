"""Parameters and steps from files, as section 2 of the specification has them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runsemble.compat.themis._tables import is_yes, read_csv, runs_from_rows, steps_from_csv, varied_runs
from runsemble.errors import UsageError

HERE = Path(os.path.abspath("."))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_row_becomes_a_mapping_of_texts(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,x\n\n"2,5","y\nz"\n')
    assert list(read_csv(path)) == [{"a": "1", "b": "x"}, {"a": "2,5", "b": "y\nz"}]


def test_the_mark_that_windows_puts_first_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert list(read_csv(written(tmp_path, "\ufeffa\n1\n"))) == [{"a": "1"}]


def test_a_short_row_lacks_values_and_empty_cells_too_many_are_left_out(tmp_path: Path) -> None:
    assert list(read_csv(written(tmp_path, "a,b\n1\n1,2,,\n"))) == [{"a": "1", "b": None}, {"a": "1", "b": "2"}]


def test_a_long_row_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"table\.csv, line 3: there are more values than columns \(2\)"):
        list(read_csv(written(tmp_path, "a,b\n1,2\n1,2,3\n")))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["a", "b"], cells])
    assert list(read_csv(path)) == [dict(zip("ab", cells, strict=True))]


@pytest.mark.parametrize("text", ["True", "yes", "1", "maybe", " t "])
def test_what_does_not_say_no_is_yes(text: str) -> None:
    assert is_yes(text)


@pytest.mark.parametrize("text", ["False", "false", "FALSE", "no", "No", "0", "", "  ", "off", "f", "n"])
def test_no_is_said_in_many_ways(text: str) -> None:
    assert not is_yes(text)


def test_steps_have_the_columns_that_there_are(tmp_path: Path) -> None:
    text = "args,tasks,batch_script,cwd\n/bin/ls -l,2,False,sub\n/bin/echo 'a b',,yes,\n./x,3,,..\n"
    steps = steps_from_csv(written(tmp_path, text))
    assert [(step.args, step.tasks, step.batch_script, step.cwd) for step in steps] == [
        (["/bin/ls", "-l"], 2, False, "sub"),
        (["/bin/echo", "a b"], 1, True, "."),
        ([str(HERE / "x")], 3, False, ".."),
    ]


def test_a_step_is_a_batch_script_unless_the_column_says_otherwise(tmp_path: Path) -> None:
    (step,) = steps_from_csv(written(tmp_path, "args\n/bin/ls\n"))
    assert step.batch_script is True


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("args\n", "there are no steps"),
        ("", "there are no steps"),
        ("args,foo\n/bin/ls,1\n", "step 0: 'foo' is none of the columns args, tasks,"),
        ("args,tasks\n/bin/ls,1\n,2\n", "step 1: the column 'args'"),
        ("tasks\n1\n", "step 0: the column 'args'"),
        ("args,tasks\n/bin/ls,many\n", "step 0: invalid literal for int() with base 10: 'many'"),
    ],
)
def test_what_is_no_step_is_an_error_that_says_where(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        steps_from_csv(written(tmp_path, text))
    assert str(tmp_path / "table.csv") in str(caught.value)
    assert complaint in str(caught.value)


def test_every_row_is_a_sample_and_all_runs_share_the_rest() -> None:
    first, second = runs_from_rows([{"a": "1"}, {"a": "2"}], args="-x", tasks=4)
    assert (first.sample, first.args, first.tasks) == ({"a": "1"}, "-x", 4)
    assert (second.sample, second.args, second.tasks) == ({"a": "2"}, "-x", 4)


def test_columns_named_after_resources_vary_them_and_stay_in_the_sample() -> None:
    rows = [{"args": "-x", "tasks": "3", "gpus_per_task": "", "a": "1"}]
    (run,) = varied_runs(rows, args="-y", tasks=1, cores_per_task=2, gpus_per_task=5)
    assert run.sample == rows[0]
    run.application = "/bin/app"
    (step,) = run.steps
    assert (step.args, step.tasks, step.cores_per_task, step.gpus_per_task) == (["/bin/app", "-x"], 3, 2, 5)
