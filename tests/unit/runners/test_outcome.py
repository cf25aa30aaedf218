from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from runsemble.errors import ResultError
from runsemble.model.result import Usage
from runsemble.model.status import Cause
from runsemble.runners import outcome
from runsemble.runners.outcome import MultirunResult, last_line
from runsemble.runners.table import RunTable

from .ended import add_run, end_run

OUT = "/data/out"


@pytest.fixture
def result() -> MultirunResult:
    """Return the outcome of a study of three runs, of which the last one failed."""
    table = RunTable()
    for x in (1, 2):
        usage = Usage(1.5, 1.0, 0.1, 20 * 2**20)
        end_run(add_run(table, {"x": x}), result=json.dumps({"loss": x * 0.25}), usage=usage)
    end_run(add_run(table, {"x": 3}), Cause.EXIT, message="exit code 3", tail="no such table\n")
    return MultirunResult(table, OUT)


def test_the_summary_lists_the_runs(result: MultirunResult) -> None:
    assert result.summary(wall_s=3.0).splitlines() == [
        "run  x  loss  status        time  memory",
        "  0  1  0.25  ok           1.5 s  20 MiB",
        "  1  2   0.5  ok           1.5 s  20 MiB",
        "  2  3        exit code 3",
        "",
        "2 of 3 runs succeeded, 1 failed in 3.0 s; see /data/out/",
        "  run 2 failed: exit code 3 (x=3)",
        "    no such table",
        "    see /r/2",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_summary_is_as_wide_as_it_may_be(result: MultirunResult, width: int) -> None:
    lines = result.summary(width).splitlines()
    assert all(len(line) <= width for line in lines if "see /" not in line)


def test_runs_that_posted_nothing_are_shown_with_their_last_line() -> None:
    table = RunTable()
    for x in (1, 2):
        end_run(add_run(table, {"x": x}), tail=f"first\nloss {x}\n\n \n")
    lines = MultirunResult(table, OUT).summary().splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["run", "x", "output", "status", "time", "memory"],
        ["0", "1", "loss", "1", "ok"],
        ["1", "2", "loss", "2", "ok"],
    ]


@pytest.mark.parametrize("output", ["", "\n", "\x1b[2Jgone", "10%\r50%\r100%", "x" * 10_000, "\udcff\udcfe"])
def test_any_last_line_can_be_shown(output: str) -> None:
    table = RunTable()
    end_run(add_run(table, {}), tail=output)
    lines = MultirunResult(table, OUT).summary().split("\n")
    assert all(line.isprintable() and len(line) <= 80 for line in lines)


def printing(*texts: str, result: str | None = None) -> MultirunResult:
    """Return the outcome of a study whose runs printed these texts."""
    table = RunTable()
    for at, text in enumerate(texts):
        end_run(add_run(table, {"x": at}), tail=text, result=result)
    return MultirunResult(table, OUT)


def test_numbers_that_many_runs_print_are_summed_up() -> None:
    lines = printing(*(f"first\n{at}\n" for at in range(30))).summary().splitlines()
    assert lines[1].split() == ["output", "0", "0", "14.5", "14.5", "8.80341", "29", "29"]
    assert not [line for line in lines if "not shown" in line]


def test_numbers_that_only_some_of_many_runs_print_are_counted() -> None:
    lines = printing(*("1" if at % 3 else "none" for at in range(30))).summary().splitlines()
    assert "output: 20 of 30 are numbers" in lines


def test_texts_that_many_runs_print_are_not_shown_and_it_is_said_how_to_see_them() -> None:
    lines = printing(*["loss 1"] * 30).summary(40).splitlines()
    assert "outputs not shown: --print, or `runsemble post`"[:39] + "…" in lines
    assert "outputs not shown: --print, or `runsemble post`" in printing(*["loss 1"] * 30).summary().splitlines()


@pytest.mark.parametrize("result", ['{"y": 1}', "2", "{"])
def test_of_runs_that_post_the_output_is_not_spoken_of(result: str) -> None:
    assert "output" not in printing(*["7"] * 30, result=result).summary()
    assert "output" not in printing(*["words"] * 30, result=result).summary()


def test_of_many_runs_that_print_nothing_no_output_is_spoken_of() -> None:
    assert "output" not in printing(*[""] * 30).summary()


def test_the_output_of_very_many_runs_is_not_read_for_the_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "_OUTPUTS_READ", 29)
    lines = printing(*["7"] * 30).summary().splitlines()
    assert "outputs not shown: --print, or `runsemble post`" in lines


@pytest.mark.parametrize(
    ("text", "value"),
    [("4", 4), ("-4", -4), (" 0.50", 0.5), ("1e3", 1000.0), ("1_000", "1_000"), ("4 s", "4 s"), ("1e999", math.inf)],
)
def test_what_is_printed_is_a_number_where_it_looks_like_one(text: str, value: float | str) -> None:
    (one,) = printing(text).shown(with_output=True)
    assert one.results == {"output": value}
    assert type(one.results["output"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line"), [("a\nb\n\n", "b"), ("", None), ("\n", None), ("10%\r100%\n", "100%"), ("ä", "ä")]
)
def test_the_last_line_that_a_run_printed_can_be_had(text: str, line: str | None) -> None:
    (run,) = printing(text)
    assert last_line(run) == line


def test_output_that_was_not_kept_is_not_shown(tmp_path: Path) -> None:
    table = RunTable()
    end_run(add_run(table, {"x": 1}, "discard"))
    end_run(add_run(table, {"x": 1}, "files", str(tmp_path)))
    assert MultirunResult(table, OUT).summary().splitlines()[0] == "run  x  status  time  memory"


def test_a_result_that_cannot_be_read_is_shown_as_none() -> None:
    table = RunTable()
    end_run(add_run(table, {}), result="{")
    end_run(add_run(table, {}), result='{"loss": 1}')
    result = MultirunResult(table, OUT)
    assert [one.results for one in result.shown()] == [{}, {"loss": 1}]
    assert "loss" in result.summary()
    with pytest.raises(ResultError, match="not valid JSON"):
        result.results  # noqa: B018


def test_the_results_say_whose_cannot_be_read_and_how_to_have_the_others() -> None:
    table = RunTable()
    for text in ("1", "{", "2", "{"):
        end_run(add_run(table, {}), result=text)
    with pytest.raises(ResultError) as caught:
        MultirunResult(table, OUT).results  # noqa: B018
    assert str(caught.value).startswith("run 1: /r/1/results.json is not valid JSON")
    assert str(caught.value).endswith("; read_result() of each run, or to_dataframe(), has the others")
    assert caught.value.path == "/r/1/results.json"


def test_in_the_summary_a_file_that_cannot_be_read_is_named_as_seen_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr")
    table = RunTable()
    end_run(add_run(table, {}, directory="/usr/out"), result="{")
    lines = MultirunResult(table, "/usr/out").summary().splitlines()
    assert lines[-1].startswith("  run 0: its result cannot be read: out/0/results.json is not valid JSON")


def test_a_result_that_is_no_mapping_is_called_result() -> None:
    table = RunTable()
    for text in ("3", "[1]", "null", '"a"'):
        end_run(add_run(table, {}), result=text)
    result = MultirunResult(table, OUT)
    assert [one.results for one in result.shown()] == [{"result": 3}, {"result": [1]}, {}, {"result": "a"}]


def test_runs_that_have_not_ended_have_a_summary() -> None:
    table = RunTable()
    add_run(table, {"x": 1}, "files")
    lines = MultirunResult(table, OUT).summary().splitlines()
    assert lines[1].split() == ["0", "1", "pending"]
    assert lines[-1] == "0 of 1 run succeeded, 1 pending; see /data/out/"


def test_a_study_without_runs_has_a_summary() -> None:
    assert MultirunResult(RunTable(), OUT).summary().endswith("0 of 0 runs succeeded; see /data/out/")


def test_in_a_notebook_the_summary_is_text_and_no_markup() -> None:
    table = RunTable()
    end_run(add_run(table, {"<b>": "<script>&\"'"}), result='{"</pre>": "<i>"}')
    shown = MultirunResult(table, OUT)._repr_html_()
    assert shown.startswith("<pre>run  ")
    assert shown.endswith("</pre>")
    assert "<" not in shown.removeprefix("<pre>").removesuffix("</pre>")
    assert "&lt;script&gt;&amp;&quot;" in shown


def test_the_runs_are_counted_by_how_they_ended(result: MultirunResult) -> None:
    assert repr(result) == "<MultirunResult 3 runs: 2 success, 1 failure; /data/out>"
    assert repr(MultirunResult(RunTable(), OUT)) == "<MultirunResult 0 runs: none; /data/out>"
