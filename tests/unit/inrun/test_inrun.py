import json
import math
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from runsemble import codec
from runsemble.agent.aside import set_aside
from runsemble.errors import NotInRun, StaleAttempt
from runsemble.inrun import command, get_run_params, post_run_results, report, time_left_s


@pytest.fixture(autouse=True)
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory, with nothing of a run in the environment."""
    for name in [name for name in os.environ if name.startswith("RUNSEMBLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def in_run(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the directory of a first attempt."""
    monkeypatch.setenv("RUNSEMBLE_PARAMS", '{"beta": 0.5}')
    monkeypatch.setenv("RUNSEMBLE_RESULTS", str(run_dir / "results.json"))
    monkeypatch.setenv("RUNSEMBLE_ATTEMPT", "1")
    return run_dir


def test_parameters_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_PARAMS", codec.encode({"a": (1, 2), "b": Decimal("0.10")}))
    assert get_run_params() == {"a": (1, 2), "b": Decimal("0.10")}


def test_parameters_come_from_the_file_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.json").write_text('{"a": 1}')
    monkeypatch.setenv("RUNSEMBLE_PARAMS", f"@{tmp_path}/large.json")
    assert get_run_params() == {"a": 1}


def test_parameters_come_from_the_file_in_the_current_directory(run_dir: Path) -> None:
    (run_dir / "params.json").write_text('{"a": 1}')
    assert get_run_params() == {"a": 1}


def test_the_environment_wins_over_the_file(in_run: Path) -> None:
    (in_run / "params.json").write_text('{"a": 1}')
    assert get_run_params() == {"beta": 0.5}


def test_the_parameters_are_the_callers_own(in_run: Path) -> None:
    get_run_params()["beta"] = 1.0
    assert get_run_params() == {"beta": 0.5}


def test_outside_a_run_the_error_says_what_to_set(run_dir: Path) -> None:
    with pytest.raises(NotInRun, match=r"RUNSEMBLE_PARAMS='\{\"name\": value\}'") as caught:
        get_run_params()
    assert str(run_dir) in str(caught.value)


def test_a_file_that_has_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_PARAMS", "@/nowhere/params.json")
    with pytest.raises(NotInRun, match=r"/nowhere/params\.json"):
        get_run_params()


@pytest.mark.parametrize("text", ["", "{", '{"a": nil}', '{"__type__": "no such", "value": 1}'])
def test_parameters_that_are_no_json_are_an_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_PARAMS", text)
    with pytest.raises(ValueError, match="RUNSEMBLE_PARAMS does not hold the run's parameters as JSON"):
        get_run_params()


@pytest.mark.parametrize("text", ["[1]", "3", "null"])
def test_parameters_that_are_no_object_are_an_error(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_PARAMS", text)
    with pytest.raises(ValueError, match="must hold a JSON object"):
        get_run_params()


@pytest.mark.parametrize("value", [None, 0.5, {"loss": (1, float("inf"))}, range(3), "\ud800"])
def test_a_posted_result_stands_in_the_results_file(value: Any, in_run: Path) -> None:
    post_run_results(value)
    assert codec.decode((in_run / "results.json").read_bytes(), allow_pickle=True) == value


def test_a_later_result_replaces_an_earlier_one(in_run: Path) -> None:
    post_run_results(1)
    post_run_results(2)
    assert (in_run / "results.json").read_text() == "2"


def test_nothing_but_the_result_is_left(in_run: Path) -> None:
    post_run_results({"loss": 0.5})
    assert os.listdir(in_run) == ["results.json"]


def test_a_result_can_be_posted_from_another_directory(
    in_run: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    post_run_results(1)
    assert (in_run / "results.json").read_text() == "1"


def test_a_result_that_cannot_be_pickled_leaves_the_former_one(in_run: Path) -> None:
    post_run_results(1)
    with pytest.raises(AttributeError):
        post_run_results(lambda: None)
    assert os.listdir(in_run) == ["results.json"]
    assert (in_run / "results.json").read_text() == "1"


def test_a_result_that_cannot_be_put_in_place_leaves_no_temporary_file(in_run: Path) -> None:
    (in_run / "results.json").mkdir()
    with pytest.raises(IsADirectoryError):
        post_run_results(1)
    assert os.listdir(in_run) == ["results.json"]


def test_what_a_dead_process_of_this_number_left_is_no_hindrance(in_run: Path) -> None:
    (in_run / f"results.json.{os.getpid()}.tmp").write_text("half a res")
    post_run_results(1)
    assert (in_run / "results.json").read_text() == "1"


def test_a_result_outside_a_run_is_refused(run_dir: Path) -> None:
    with pytest.raises(NotInRun):
        post_run_results(1)
    assert os.listdir(run_dir) == []


def test_a_program_tried_by_hand_with_a_parameter_file_posts_beside_it(run_dir: Path) -> None:
    (run_dir / "params.json").write_text("{}")
    post_run_results(1)
    assert (run_dir / "results.json").read_text() == "1"


def test_a_program_tried_by_hand_with_parameters_in_the_environment_can_post(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSEMBLE_PARAMS", '{"beta": 0.5}')
    post_run_results(1)
    assert (run_dir / "results.json").read_text() == "1"


def test_a_result_of_a_replaced_attempt_is_refused(in_run: Path) -> None:
    set_aside(2)
    with pytest.raises(StaleAttempt, match="attempt 1 was replaced by attempt 2"):
        post_run_results(1)
    assert not (in_run / "results.json").exists()


def test_the_newest_attempt_may_post(in_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_aside(2)
    monkeypatch.setenv("RUNSEMBLE_ATTEMPT", "2")
    post_run_results(1)
    assert (in_run / "results.json").read_text() == "1"


def test_reported_figures_are_lines_of_json(in_run: Path) -> None:
    report(step=1, loss=0.5)
    report(accuracy=float("nan"))
    first, second = [codec.decode(line) for line in (in_run / "metrics.jsonl").read_text().splitlines()]
    assert (first["step"], first["metrics"]) == (1, {"loss": 0.5})
    assert first["time"] > 1e9
    assert second["step"] is None
    assert math.isnan(second["metrics"]["accuracy"])


def test_a_figure_that_is_no_json_is_an_error(in_run: Path) -> None:
    with pytest.raises(TypeError, match="no exact JSON form"):
        report(loss=object())  # type: ignore[arg-type]
    assert not (in_run / "metrics.jsonl").exists()


def test_a_report_outside_a_run_is_refused(run_dir: Path) -> None:
    with pytest.raises(NotInRun):
        report(loss=1.0)
    assert os.listdir(run_dir) == []


@pytest.fixture
def bell(in_run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Listen where the run rings."""
    os.mkfifo(in_run / "bell")
    monkeypatch.setenv("RUNSEMBLE_BELL", str(in_run / "bell"))
    monkeypatch.setenv("RUNSEMBLE_RUN_KEY", "abc-1-1-0")
    fd = os.open(in_run / "bell", os.O_RDWR | os.O_NONBLOCK)
    yield fd
    os.close(fd)


def test_a_report_rings_with_the_runs_key(bell: int) -> None:
    report(loss=0.5)
    assert os.read(bell, 100) == b"abc-1-1-0\n"


def test_a_bell_that_nobody_hears_is_no_error(in_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_BELL", str(in_run / "gone"))
    report(loss=0.5)
    assert json.loads((in_run / "metrics.jsonl").read_text())["metrics"] == {"loss": 0.5}


def test_without_a_limit_there_is_no_time_left_to_tell() -> None:
    assert time_left_s() is None


@pytest.mark.parametrize(("deadline", "left"), [("1010.5", 10.5), ("990", -10.0)])
def test_the_time_left_counts_down_to_the_limit_and_beyond(
    deadline: str, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    monkeypatch.setenv("RUNSEMBLE_DEADLINE", deadline)
    assert time_left_s() == left


def test_a_limit_that_is_no_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_DEADLINE", "soon")
    with pytest.raises(ValueError, match="soon"):
        time_left_s()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (".30", 0.3), ("-.5", -0.5), ("1.", 1.0), ("+3", 3), ("+2.5e-3", 0.0025), (".5E2", 50.0), ("0", 0),
        ("inf", math.inf), ("-Infinity", -math.inf), ("+INF", math.inf),
    ],
)  # fmt: skip
def test_a_number_is_posted_however_it_is_written(text: str, value: float, in_run: Path) -> None:
    assert command.main(["post", f"y={text}"]) == 0
    posted = codec.decode((in_run / "results.json").read_bytes())["y"]
    assert (posted, type(posted)) == (value, type(value))


def test_what_is_no_number_is_posted_as_one(in_run: Path) -> None:
    assert command.main(["post", "y=nan"]) == 0
    assert math.isnan(codec.decode((in_run / "results.json").read_bytes())["y"])


@pytest.mark.parametrize(
    "text", ["007", "1_000", "1e", ".", "+", "-", "1.2.3", "0x10", "e5", "1,5", "٣", "1-2", "00.5"]
)
def test_what_may_be_a_name_is_posted_as_text(text: str, in_run: Path) -> None:
    assert command.main(["post", f"y={text}"]) == 0
    assert codec.decode((in_run / "results.json").read_bytes())["y"] == text


def test_the_last_words_of_a_misuse_say_what_is_wrong(in_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["post", "x", "=", "1"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "runsemble post: 'x' is not of the form KEY=VALUE"


@pytest.mark.parametrize("helper", [get_run_params, post_run_results, report, time_left_s])
def test_the_types_of_the_helpers_can_be_asked_for(helper: Any) -> None:
    assert "return" in get_type_hints(helper)
