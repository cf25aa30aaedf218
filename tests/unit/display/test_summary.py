from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runsemble.display.summary import FAILURES, LISTED, summary_lines
from runsemble.display.table import columns_of, value_words
from runsemble.display.tally import ShownRun
from runsemble.display.words import nearest_path
from runsemble.model.result import Usage
from runsemble.model.status import RunStatus

OUT = "/data/out"
MIB = 2**20

#: What no terminal should be handed, and what no table has room for.
HOSTILE: dict[str, Any] = {
    "escape sequence": "\x1b[2J\x1b]0;title\x07",
    "8-bit escape": "\x9b31m",
    "lines": "one\ntwo\r\nthree\u2028four",
    "right to left": "\u202eabc\u200f",
    "surrogate": "\ud800\udcff",
    "wide": "漢字" * 100,
    "combining": "e\u0301" * 100,
    "emoji": "👩\u200d👩\u200d👧🇩🇪" * 20,
    "long": "x" * 10_000,
    "nested": {"a": [{"b\x1b": (1, None)}] * 50},
    "nan": float("nan"),
    "infinity": -math.inf,
    "huge": 10**400,
    "bytes": b"\x1b\xff",
    "set": {1, 2},
    "none": None,
    "true": True,
    "blank": "",
}


@dataclass
class Seen:
    """A run as it is shown."""

    id: int
    params: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = "success"
    message: str = ""
    usage: Usage | None = None
    attempts: int = 1
    last_words: str | None = None
    stderr: str | None = None
    run_dir: str | None = "/r/0"

    @property
    def trail(self) -> str | None:
        return self.stderr or self.run_dir


def used(wall_s: float, mib: int, floor_mib: int = 0) -> Usage:
    return Usage(wall_s, 0.0, 0.0, mib * MIB, floor_mib * MIB)


def shown(count: int, result: Any = None, **fields: Any) -> list[ShownRun]:
    """Return so many runs that differ in nothing but their ids."""
    return [ShownRun(Seen(at, **fields), result) for at in range(count)]


def failed(run: int, message: str = "exit code 3", **fields: Any) -> ShownRun:
    return ShownRun(Seen(run, status="failure", message=message, run_dir=f"/r/{run}", **fields), None)


def misfits(lines: list[str], width: int) -> list[str]:
    """Return the lines that a terminal would obey or wrap; a path is never cut, so that it can be copied."""
    return [line for line in lines if not line.isprintable() or (columns_of(line) > width and "see /" not in line)]


def test_a_few_runs_are_listed_one_by_one() -> None:
    runs = [
        ShownRun(Seen(0, {"beta": 0.25, "name": "a"}, usage=used(1.5, 20)), {"loss": 3.0}),
        ShownRun(Seen(1, {"beta": 0.5, "name": "bc"}, usage=used(61, 10, 10)), {"loss": 12.25}),
    ]
    assert summary_lines(runs, OUT, 62.0) == [
        "run  beta  name   loss  status       time   memory",
        "  0  0.25  a       3.0  ok          1.5 s   20 MiB",
        "  1   0.5  bc    12.25  ok      1 min 1 s  ≤10 MiB",
        "",
        "2 of 2 runs succeeded in 1 min 2 s; see /data/out/",
    ]


def test_of_many_runs_the_least_the_median_and_the_greatest_are_told() -> None:
    count = LISTED + 1
    runs = [
        ShownRun(Seen(at, {"x": at}, usage=used(at + 1.0, 100 - at)), {"loss": at * at, "name": "a"})
        for at in range(count)
    ]
    lines = summary_lines(runs, OUT)
    assert [line.split() for line in lines[:4]] == [
        ["least", "in", "run", "median", "mean", "sd", "greatest", "in", "run"],
        ["time", "1.0", "s", "0", "11", "s", "21", "s", "20"],
        ["memory", "80", "MiB", "20", "90", "MiB", "100", "MiB", "0"],
        ["loss", "0", "0", "100", "136.667", "128.537", "400", "20"],
    ]
    assert f"{count} of {count} runs succeeded; see /data/out/" in lines


@pytest.mark.parametrize("what", HOSTILE)
def test_no_value_upsets_the_screen(what: str) -> None:
    value = HOSTILE[what]
    for count in (2, LISTED + 1):
        runs = shown(count, {"result": value, "other": 1.5}, params={"x": value}, usage=used(1, 1))
        runs += [failed(count, params={"x": value}, last_words="oh")]
        for width in (40, 80, 200):
            assert misfits(summary_lines(runs, OUT, 1.0, width), width) == []


@pytest.mark.parametrize("what", [what for what, value in HOSTILE.items() if isinstance(value, str)])
def test_no_text_upsets_the_screen(what: str) -> None:
    text = HOSTILE[what]
    for count in (2, LISTED + 1):
        runs = shown(count, {text: 1.5}, params={text: 2}, usage=used(1, 1))
        runs += [failed(count, params={text: 3}, last_words=text)]
        assert misfits(summary_lines(runs, OUT, 1.0), 80) == []


@pytest.mark.parametrize("what", [what for what, value in HOSTILE.items() if isinstance(value, str)])
def test_no_message_upsets_the_screen(what: str) -> None:
    for count in (2, LISTED + 1):
        runs = [failed(at, message=HOSTILE[what]) for at in range(count)]
        assert misfits(summary_lines(runs, OUT), 80) == []


@pytest.mark.parametrize("what", ["escape sequence", "8-bit escape", "lines", "right to left", "surrogate"])
def test_no_path_upsets_the_screen(what: str) -> None:
    path = f"/r/{HOSTILE[what]}"
    runs = [ShownRun(Seen(0, status="failure", message="oh", run_dir=path), None)]
    runs += [ShownRun(Seen(1, status="failure", message="oh", stderr=f"{path}/stderr"), None)]
    assert misfits(summary_lines(runs, path), 80) == []


def test_a_failure_of_which_nothing_was_kept_points_nowhere() -> None:
    lines = summary_lines([ShownRun(Seen(0, status="failure", message="oh", run_dir=None), None)], OUT)
    assert not [line for line in lines if "    see" in line]


def test_the_names_that_found_no_room_fit_as_well() -> None:
    runs = shown(2, {f"\x1b{at}": "a" * 30 for at in range(50)})
    lines = summary_lines(runs, OUT, width=60)
    assert any(line.startswith("(no room for ") for line in lines)
    assert misfits(lines, 60) == []


def test_parameters_with_one_value_go_before_results_and_their_value_is_told() -> None:
    constants = {"beta": 1.2, "solver": "runge-kutta-4", "tolerance": 1e-06, "population": 100_000}
    runs = [
        ShownRun(Seen(at, {**constants, "x": at}, usage=used(1, 20)), {"peak": at * 1.5, "day": at}) for at in (0, 1)
    ]
    lines = summary_lines(runs, OUT, width=60)
    assert lines[:4] == [
        "run  beta  x  peak  day  status   time  memory",
        "  0   1.2  0   0.0    0  ok      1.0 s  20 MiB",
        "  1   1.2  1   1.5    1  ok      1.0 s  20 MiB",
        "(in all runs: solver=runge-kutta-4, tolerance=1e-06, popula…",
    ]
    assert "(in all runs: tolerance=1e-06, population=100000)" in summary_lines(runs, OUT, width=70)


def test_what_varies_and_found_no_room_is_named_before_what_does_not() -> None:
    runs = [ShownRun(Seen(at, {"beta": 1.2, "x": at}), {f"result{key}": at for key in range(4)}) for at in (0, 1)]
    assert "(no room for time, memory; in all runs: beta=1.2)" in summary_lines(runs, OUT, width=50)


def test_of_a_single_run_no_parameter_is_the_same_in_all() -> None:
    (run,) = shown(1, {f"result{key}": 1 for key in range(9)}, params={"x": 1})
    assert summary_lines([run], OUT, width=60)[0].startswith("run  x  result0")


@pytest.mark.parametrize("params", [[{"x": 1}, {}], [{"x": 1}, {"x": True}], [{"x": 1.0}, {"x": 1.0 + 1e-12}]])
def test_a_parameter_that_differs_at_all_is_not_the_same_in_all(params: list[dict[str, Any]]) -> None:
    runs = [ShownRun(Seen(at, one), {f"result{key}": 1 for key in range(9)}) for at, one in enumerate(params)]
    assert summary_lines(runs, OUT, width=60)[0].split()[1] == "x"


def test_a_whole_number_beyond_all_floats_is_summed_up() -> None:
    lines = summary_lines(shown(LISTED + 1, {"count": 10**400, "loss": 1.5}), OUT)
    assert any(line.startswith("loss") for line in lines)


def test_what_is_no_number_is_not_summed_up() -> None:
    values = [1.5, math.nan, math.inf, True, None, "2", [3]]
    runs = [ShownRun(Seen(at), {"loss": values[at % 7]}) for at in range(LISTED + 1)]
    table = summary_lines(runs, OUT)[:2]
    assert table[1].split()[:5] == ["loss", "1.5", "0", "1.5", "1.5"]


@pytest.mark.parametrize("count", [2, LISTED + 1])
def test_an_array_as_a_result_is_shown(count: int) -> None:
    np: Any = pytest.importorskip("numpy")
    lines = summary_lines(shown(count, {"spectrum": np.arange(3.0)}), OUT)
    assert f"{count} of {count} runs succeeded; see /data/out/" in lines


@pytest.mark.timeout(1)
def test_a_huge_result_is_shown_at_once() -> None:
    lines = summary_lines(shown(3, {"spectrum": list(range(300_000))}), OUT)
    assert "[0, 1, 2, 3" in lines[1]
    assert misfits(lines, 80) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (1e-12, "1e-12"),
        (math.nan, "nan"),
        (7, "7"),
        (True, "True"),
        (None, "None"),
        ("a\nb", "a b"),
        ([1, "a"], "[1, 'a']"),
    ],
)
def test_a_value_is_worded_briefly(value: Any, words: str) -> None:
    assert value_words(value) == words


def test_runs_that_have_not_ended_are_told_as_they_stand() -> None:
    statuses: list[RunStatus] = ["pending", "running", "skipped", "success"]
    runs = [ShownRun(Seen(at, status=status), None) for at, status in enumerate(statuses)]
    lines = summary_lines(runs, OUT)
    assert [line.split()[1:] for line in lines[1:5]] == [["pending"], ["running"], ["skipped"], ["ok"]]
    assert lines[-1] == "1 of 4 runs succeeded, 1 skipped, 1 running, 1 pending; see /data/out/"


def test_no_runs_have_a_summary_too() -> None:
    assert summary_lines([], OUT)[-1] == "0 of 0 runs succeeded; see /data/out/"


def test_a_failure_says_how_and_with_which_parameters_and_where_to_look() -> None:
    runs = [failed(0, params={"beta": 0.5, "name": "a\nb"}, last_words=" no such table ", stderr="/r/0/stderr")]
    lines = summary_lines(runs, OUT)
    assert lines[lines.index("") :] == [
        "",
        "0 of 1 run succeeded, 1 failed; see /data/out/",
        "  run 0 failed: exit code 3 (beta=0.5, name=a b)",
        "    no such table",
        "    see /r/0/stderr",
    ]


@pytest.mark.parametrize(("text", "says"), [("", "    nothing in {}"), ("\n", "    see {}")])
def test_of_a_failure_that_left_an_empty_file_it_is_said_that_there_is_nothing_in_it(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "stderr"
    path.write_text(text)
    assert summary_lines([failed(0, stderr=str(path))], OUT)[-1] == says.format(nearest_path(str(path)))


def test_of_a_failure_that_left_last_words_the_file_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "stderr"
    path.write_text("")
    assert (
        summary_lines([failed(0, stderr=str(path), last_words="oh")], OUT)[-1] == f"    see {nearest_path(str(path))}"
    )


def test_runs_with_several_attempts_say_how_many_where_there_is_room() -> None:
    runs = [ShownRun(Seen(0, usage=used(1, 20)), None), failed(1, attempts=3, params={"x": 1})]
    lines = summary_lines(runs, OUT)
    assert lines[0].split() == ["run", "x", "status", "time", "memory", "attempts"]
    assert [line.split()[-1] for line in lines[1:3]] == ["1", "3"]
    assert "  run 1 failed after 3 attempts: exit code 3 (x=1)" in lines
    assert summary_lines(runs, OUT, width=40)[0].split() == ["run", "x", "status", "time", "memory"]
    assert "(no room for attempts)" in summary_lines(runs, OUT, width=40)
    assert "  run 1 failed: exit code 3" in summary_lines(runs, OUT, width=40)


def test_where_every_run_had_one_attempt_attempts_are_not_spoken_of() -> None:
    assert "attempt" not in "\n".join(summary_lines([*shown(1), failed(1)], OUT))


def test_of_many_failures_the_first_are_shown_and_their_kinds_are_counted() -> None:
    runs = [failed(at, "exit code 3" if at % 3 else "ended by SIGSEGV") for at in range(30)]
    lines = summary_lines(runs, OUT)
    assert "Failed: exit code 3 (20×), ended by SIGSEGV (10×)" in lines
    assert sum(line.startswith("  run ") for line in lines) == FAILURES
    assert f"  and {30 - FAILURES} more" in lines


def test_where_failures_cluster_is_told() -> None:
    runs = [failed(at, params={"x": 1}) if at % 4 == 0 else ShownRun(Seen(at, {"x": at % 4}), None) for at in range(40)]
    runs[1:4] = [ShownRun(Seen(at, {"x": 2}), None) for at in range(1, 4)]
    lines = summary_lines([one for one in runs if one.params["x"] != 1 or one.run.status == "failure"], OUT)
    assert "Failures cluster:" in lines
    assert "  x = 1: 10 of 10 runs failed, elsewhere 0 of 21" in lines


def test_where_failures_of_very_many_runs_cluster_is_told() -> None:
    parameters = [{"odd": at % 2, "x": at} for at in range(40_000)]
    runs = [
        failed(at, params=params) if params["odd"] else ShownRun(Seen(at, params), None)
        for at, params in enumerate(parameters)
    ]
    assert "Failures cluster:" in summary_lines(runs, OUT)


def test_a_parameter_and_a_result_of_one_name_are_both_shown() -> None:
    lines = summary_lines([ShownRun(Seen(0, {"x": 1}), {"x": 2})], OUT)
    assert lines[:2] == ["run  x  x  status  time  memory", "  0  1  2  ok"]


def test_a_result_that_cannot_be_read_is_told() -> None:
    runs = shown(2, 1.5)
    runs += [ShownRun(Seen(at), None, f"/out/{at}/results.json is no JSON") for at in range(2, 4 + FAILURES)]
    lines = summary_lines(runs, OUT)
    assert "  run 2: its result cannot be read: /out/2/results.json is no JSON" in lines
    assert lines[-1] == "  and those of 2 more"


def test_figures_that_leave_runs_out_say_so() -> None:
    values = [*range(LISTED), ".30", None, math.nan]
    runs = [ShownRun(Seen(at), {"y": value, "z": 1.0, "name": "a"}) for at, value in enumerate(values)]
    lines = summary_lines(runs, OUT)
    assert f"y: {LISTED} of {LISTED + 3} are numbers" in lines
    assert not [line for line in lines if line.startswith(("z: ", "name: "))]


def test_more_kinds_of_failure_than_are_listed_are_counted() -> None:
    lines = summary_lines([failed(at, f"exit code {at % 7 + 1}") for at in range(LISTED + 1)], OUT)
    assert "Failed: exit code 1 (3×), exit code 2 (3×), exit code 3 (3×), and 4 other kinds" in lines


def test_columns_without_a_figure_are_left_out() -> None:
    lines = summary_lines(shown(LISTED + 1, usage=used(1.0, 10)), OUT)
    assert lines[0].split() == ["least", "in", "run", "median", "greatest", "in", "run"]
