"""What is known of all runs, as CSV, JSON, YAML and a data frame."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.compat.themis._csv_writer import write_csv
from runsemble.compat.themis._plain import plain
from runsemble.compat.themis._records import STATUS_ENUMS, RunRecord, translate_enum
from runsemble.compat.themis._runs import Step
from runsemble.compat.themis._writers import as_dataframe, write_json, write_yaml
from runsemble.errors import UsageError

STEP = Step("/bin/app -x", tasks=4, cores_per_task=2, gpus_per_task=1)

Write = Callable[[Iterable[RunRecord], io.StringIO], None]


def record(run_id: int, sample: Any = None, result: Any = None, **more: Any) -> RunRecord:
    steps = more.pop("steps", (STEP,))
    return RunRecord(run_id=run_id, sample=sample or {}, steps=steps, result=result, **more)


def text_of(write: Write, *records: RunRecord) -> str:
    stream = io.StringIO(newline="")
    write(iter(records), stream)
    return stream.getvalue()


def lines_of(*records: RunRecord) -> list[str]:
    return text_of(write_csv, *records).split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("number", "word"), [(0, "queued"), (1, "successful"), (2, "failed"), (3, "killed"), (4, "aborted")]
)
def test_statuses_are_numbers_with_words(number: int, word: str) -> None:
    assert STATUS_ENUMS[number] == number
    assert translate_enum(number) == word
    assert translate_enum(word) == number
    assert record(1, status=number).status_word == word


@pytest.mark.parametrize("enum", [5, -1, "running", None])
def test_what_is_no_status_is_a_key_error(enum: Any) -> None:
    with pytest.raises(KeyError):
        translate_enum(enum)


# CSV


def test_csv_has_samples_in_order_of_occurrence_and_results_sorted() -> None:
    assert lines_of(
        record(1, {"y": "s", "x": 1}, {"b": 1, "a": 2}),
        record(2, {"x": 2, "z": 0.1}, {"c": None}, status=1),
    ) == [
        "run_id,status,tasks,cores_per_task,gpus_per_task,y,x,z,a,b,c",
        "1,queued,4,2,1,s,1,,2,1,",
        "2,successful,4,2,1,,2,0.1,,,",
    ]


@pytest.mark.parametrize(
    ("result", "header", "cells"),
    [
        (None, "", ""),
        ((1, 2), ",output_0,output_1", ",1,2"),
        ([{"a": 1}, None, b"x"], ",output_0,output_1,output_2", ",{'a': 1},,x"),
        (3.5, ",output_0", ",3.5"),
        (True, ",output_0", ",True"),
        (Decimal("1.10"), ",output_0", ",1.10"),
        (2j, ",output_0", ",2j"),
        ("text", ",output_0", ",text"),
        (b"a\xffb", ",output_0", r",a\xffb"),
        (range(2), ",output_0,output_1", ",0,1"),
        ({}, "", ""),
        ([], "", ""),
        ({1: "one", "a": None}, ",1,a", ",one,"),
    ],
)
def test_a_result_has_columns_of_its_own(result: Any, header: str, cells: str) -> None:
    assert lines_of(record(1, {}, result)) == [
        "run_id,status,tasks,cores_per_task,gpus_per_task" + header,
        "1,queued,4,2,1" + cells,
    ]


def test_arrays_are_tabulated() -> None:
    numpy = pytest.importorskip("numpy")
    assert lines_of(record(1, {}, numpy.array([1.5, 2.0])))[1] == "1,queued,4,2,1,1.5,2.0"
    assert lines_of(record(1, {}, numpy.float64(1.5)))[1] == "1,queued,4,2,1,1.5"


@pytest.mark.parametrize("result", [{1, 2}, object(), STEP, PurePosixPath("x")])
def test_a_result_that_cannot_be_tabulated_is_a_value_error_and_nothing_is_written(result: Any) -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="the result of run 7 is a ") as caught:
        write_csv([record(1), record(7, {}, result)], stream)
    assert isinstance(caught.value, UsageError)
    assert stream.getvalue() == ""


def test_a_resource_is_blank_only_where_steps_differ() -> None:
    steps = [Step("a", tasks=2, cores_per_task=3), Step("b", tasks=4, cores_per_task=3)]
    assert lines_of(record(1, steps=steps))[1] == "1,queued,,3,0"


def test_names_that_occur_elsewhere_have_columns_of_their_own() -> None:
    assert lines_of(record(1, {"status": "s", "a": 1}, {"a": 2, "tasks": 9})) == [
        "run_id,status,tasks,cores_per_task,gpus_per_task,status,a,a,tasks",
        "1,queued,4,2,1,s,1,2,9",
    ]


def test_csv_of_nothing_is_its_header() -> None:
    assert lines_of() == ["run_id,status,tasks,cores_per_task,gpus_per_task"]


def test_awkward_texts_are_quoted() -> None:
    assert lines_of(record(1, {"a,b": 'x "y"\n'}))[0].endswith(',"a,b"')
    assert '"x ""y""\n"' in text_of(write_csv, record(1, {"a,b": 'x "y"\n'}))


@pytest.mark.parametrize("write", [write_csv, write_json, write_yaml])
def test_runs_are_taken_one_at_a_time(write: Write) -> None:
    def many() -> Iterator[RunRecord]:
        for run_id in range(1, 500):
            yield record(run_id, {"x": run_id}, {"y": run_id})

    stream = io.StringIO()
    write(many(), stream)
    assert stream.getvalue().count("/bin/app") == (0 if write is write_csv else 499)
    assert "499" in stream.getvalue()


# JSON


def test_json_is_a_list_of_runs_indented_by_two() -> None:
    runs = [record(1, {"a": "1"}), record(2, {"b": 2}, {"r": [1]}, status=2)]
    expected = [
        {
            "run_id": run_id,
            "sample": sample,
            "steps": [
                {
                    "args": ["/bin/app", "-x"],
                    "tasks": 4,
                    "cores_per_task": 2,
                    "gpus_per_task": 1,
                    "timeout": 0,
                    "batch_script": True,
                    "cwd": ".",
                }
            ],
            "result": result,
            "status": status,
        }
        for run_id, sample, result, status in [(1, {"a": "1"}, None, "queued"), (2, {"b": 2}, {"r": [1]}, "failed")]
    ]
    assert text_of(write_json, *runs) == json.dumps(expected, indent=2)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_valid_for_any_number_of_runs(count: int) -> None:
    text = text_of(write_json, *(record(run_id) for run_id in range(count)))
    assert [run["run_id"] for run in json.loads(text)] == list(range(count))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1.10"), "1.10"),
        (Fraction(1, 3), "1/3"),
        (2j, "2j"),
        (b"ab", "b'ab'"),
        (PurePosixPath("/x"), "/x"),
        ((1, (2,)), [1, [2]]),
        ({2, 1}, [1, 2]),
        (frozenset({"b", 1}), ["b", 1]),
        ({(1, 2): Decimal(3), None: 1, 4: True}, {"(1, 2)": "3", None: 1, 4: True}),
        (STEP, Step.encode(STEP)),
        (float("inf"), float("inf")),
    ],
)
def test_what_json_does_not_know_becomes_something_it_knows(value: Any, written: Any) -> None:
    assert plain(value) == written
    json.dumps(plain(value))


def test_what_contains_itself_is_cut_off() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert plain(loop) == [1, "[1, [...]]"]
    shared = [1]
    assert plain([shared, shared]) == [[1], [1]]


def test_what_is_nested_too_deeply_is_cut_off() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert json.dumps(plain(deep)).count("[") >= 200


def test_numbers_of_numpy_become_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    found = plain([numpy.int64(3), numpy.float32(0.5), numpy.bool_(True), numpy.array([[1, 2]]), numpy.str_("a")])
    assert found == [3, 0.5, True, [[1, 2]], "a"]
    assert [type(each) for each in found] == [int, float, bool, list, str]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_what_is_plain_already_stays(value: Any) -> None:
    assert plain(value) == value


@given(st.dictionaries(st.text(), PLAIN), PLAIN)
def test_json_comes_back_as_it_was(sample: dict[str, Any], result: Any) -> None:
    (run,) = json.loads(text_of(write_json, record(1, sample, result)))
    assert (run["sample"], run["result"]) == (sample, result)


# YAML


def test_yaml_is_loaded_safely_and_is_what_json_is() -> None:
    yaml = pytest.importorskip("yaml")
    runs = [record(1, {"a": "1", "x": (1, 2)}, Decimal("1.5")), record(2, {}, {"r": b"ab", 3: {4}})]
    text = text_of(write_yaml, *runs)
    assert "!!" not in text
    assert yaml.safe_load(text)[0] == json.loads(text_of(write_json, *runs))[0]
    assert yaml.safe_load(text)[1]["result"] == {"r": "b'ab'", 3: [4]}
    assert yaml.safe_load(text_of(write_yaml)) == []


def test_yaml_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ImportError, match="pip install pyyaml"):
        text_of(write_yaml, record(1))


# Data frames


def test_a_frame_has_a_row_for_each_run() -> None:
    pytest.importorskip("pandas")
    steps = (STEP,)
    frame = as_dataframe([record(3, {"x": 1, "y": "a"}, {"r": 1}, steps=steps), record(5, {"x": 2, "z": 0.5})])
    assert frame.index.name == "run_id"
    assert list(frame.index) == [3, 5]
    assert list(frame.columns) == ["steps", "result", "x", "y", "z"]
    assert frame["steps"][3] is steps
    assert frame["result"][3] == {"r": 1}
    assert list(frame["x"]) == [1, 2]
    assert math.isnan(frame["z"][3])


def test_a_frame_can_leave_out_runs_without_a_result() -> None:
    pytest.importorskip("pandas")
    runs = [record(1), record(2, {}, 0), record(3, {}, None, has_result=True)]
    assert list(as_dataframe(runs, include_none=False).index) == [2, 3]
    assert list(as_dataframe(runs).index) == [1, 2, 3]


def test_a_name_in_a_sample_wins() -> None:
    pytest.importorskip("pandas")
    frame = as_dataframe([record(1, {"result": "of the sample"}, "of the run")])
    assert list(frame.columns) == ["steps", "result"]
    assert frame["result"][1] == "of the sample"


def test_a_frame_of_nothing_is_empty_and_indexed_by_run_id() -> None:
    pytest.importorskip("pandas")
    frame = as_dataframe([])
    assert len(frame) == 0
    assert frame.index.name == "run_id"
    assert list(frame.columns) == ["steps", "result"]
