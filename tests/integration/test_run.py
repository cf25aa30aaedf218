"""What a `Run` tells of itself."""

from __future__ import annotations

import asyncio
import decimal
import math
from pathlib import Path
from types import MappingProxyType

import numpy
import pytest

from runsemble import Cause, Usage, multirun

from .conftest import RunStudy
from .support import PYTHON

MIB = 2**20


def test_parameters_come_back_with_their_types(study: RunStudy) -> None:
    params = {
        "flag": True, "count": 3, "rate": 0.1, "name": "é", "none": None, "pair": (1, (2.0, "x")), "list": [1, [2]],
        "map": {"a": {"b": 1}, 3: "int key"}, "set": {1, 2}, "raw": b"\xff", "z": 2j, "dec": decimal.Decimal("0.10"),
        "path": Path("/x"), "inf": math.inf, "big": 10**30,
    }  # fmt: skip
    back = study("true", runs=[params])[0].params
    assert back == params
    assert [type(value) for value in back.values()] == [type(value) for value in params.values()]
    assert list(back) == list(params)


def test_nan_comes_back_as_nan(study: RunStudy) -> None:
    back = study("true", runs=[{"x": math.nan, "pair": (1, math.nan)}])[0].params
    assert math.isnan(back["x"])
    assert type(back["pair"]) is tuple
    assert math.isnan(back["pair"][1])


@pytest.mark.parametrize(
    ("scalar", "plain"),
    [
        (numpy.float64(0.1), 0.1),
        (numpy.float32(0.5), 0.5),
        (numpy.int64(3), 3),
        (numpy.uint8(255), 255),
        (numpy.bool_(True), True),
        (numpy.str_("a"), "a"),
        (numpy.complex128(1j), 1j),
        (numpy.array(2.5)[()], 2.5),
    ],
    ids=lambda value: repr(value),
)
def test_a_numpy_scalar_comes_back_as_the_python_value_it_stands_for(
    study: RunStudy, scalar: object, plain: object
) -> None:
    run = study("echo", "{x}", runs=[{"x": scalar}])[0]
    assert run.params["x"] == plain
    assert type(run.params["x"]) is type(plain)
    assert run.read_stdout().decode().strip() == str(plain)


def test_numbers_of_numpy_inside_a_list_are_plain_too(study: RunStudy) -> None:
    back = study("true", runs=[{"xs": [numpy.float64(0.5), numpy.int64(2)]}])[0].params["xs"]
    assert [(type(x), x) for x in back] == [(float, 0.5), (int, 2)]


def test_changing_the_parameters_of_a_run_changes_nothing(study: RunStudy) -> None:
    run = study("true", runs=[{"xs": [1]}])[0]
    run.params["xs"].append(2)
    assert run.params == {"xs": [1]}


def test_any_mapping_is_a_parameter_set(study: RunStudy) -> None:
    assert study("echo", "{x}", runs=[MappingProxyType({"x": 1})])[0].read_stdout() == b"1\n"


def test_changing_a_parameter_set_after_it_was_handed_over_changes_nothing(study: RunStudy) -> None:
    def one_dict_again_and_again() -> object:
        params = {}
        for x in range(5):
            params["x"] = x
            yield params

    result = study("echo", "{x}", runs=one_dict_again_and_again())  # type: ignore[arg-type]
    assert [run.params["x"] for run in result] == [0, 1, 2, 3, 4]
    assert [run.read_stdout().strip() for run in result] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("script", "status", "cause", "returncode", "message"),
    [
        ("exit 0", "success", Cause.OK, 0, "ok"),
        ("exit 3", "failure", Cause.EXIT, 3, "exit code 3"),
        ("exit 255", "failure", Cause.EXIT, 255, "exit code 255"),
        ("kill -SEGV $$", "failure", Cause.SIGNAL, -11, "ended by SIGSEGV"),
        ("kill -KILL $$", "failure", Cause.SIGNAL, -9, "ended by SIGKILL"),
    ],
    ids=lambda value: str(value),
)
def test_how_a_run_ended_is_told(
    study: RunStudy, script: str, status: str, cause: Cause, returncode: int, message: str
) -> None:
    run = study("sh", "-c", script)[0]
    assert (run.status, run.cause, run.returncode, run.message) == (status, cause, returncode, message)
    assert run.attempts == 1
    assert run.is_done


def test_a_run_that_posts_nothing_has_no_result(study: RunStudy) -> None:
    assert study("true")[0].result is None


def test_the_paths_of_a_run_are_absolute(study: RunStudy, here: Path) -> None:
    run = study("true")[0]
    assert (run.run_dir, run.stdout, run.stderr) == (
        str(here / "out/0"),
        str(here / "out/0/stdout"),
        str(here / "out/0/stderr"),
    )


def test_cpu_time_is_told_apart_from_waiting(study: RunStudy) -> None:
    busy = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    worked, slept = study("{a}", "{b}", "{c}", runs=[
        {"a": PYTHON, "b": "-c", "c": busy}, {"a": "sh", "b": "-c", "c": "sleep 0.25"},
    ])  # fmt: skip
    assert worked.usage is not None
    assert slept.usage is not None
    assert worked.usage.user_s + worked.usage.system_s >= 0.2
    assert slept.usage.user_s + slept.usage.system_s < 0.15
    assert slept.usage.wall_s >= 0.25


def test_cpu_time_of_children_that_were_not_waited_for_counts(study: RunStudy) -> None:
    busy = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    usage = study("sh", "-c", f"{PYTHON} -c '{busy}' & wait")[0].usage
    assert usage is not None
    assert usage.user_s + usage.system_s >= 0.2


def test_the_peak_of_memory_is_the_runs_own(study: RunStudy) -> None:
    usage = study(PYTHON, "-c", f"x = b'x' * {100 * MIB}")[0].usage
    assert usage is not None
    assert 100 * MIB <= usage.max_rss_bytes < 200 * MIB
    assert not usage.is_rss_bounded
    assert "≤" not in str(usage)


def test_a_peak_that_the_agent_hides_is_said_to_be_a_bound(study: RunStudy) -> None:
    usage = study("true")[0].usage
    assert isinstance(usage, Usage)
    assert usage.max_rss_bytes < 30 * MIB
    assert usage.is_rss_bounded
    assert "≤" in str(usage)
    assert "agent's size" in str(usage)


async def test_a_run_can_be_awaited_and_is_itself_the_answer(here: Path) -> None:
    result = await multirun(runs=[{"x": 1}, {"x": 2}], cmd=["false"], output_path="out", progress=False)
    assert await result[1] == result[1]
    assert (await asyncio.wait_for(result[0], 1)).status == "failure"


async def test_the_task_of_a_run_is_the_same_on_every_access_and_ends_with_it(here: Path) -> None:
    result = await multirun(runs=[{}], cmd=["true"], output_path="out", progress=False)
    task = result[0].task
    assert isinstance(task, asyncio.Task)
    assert result[0].task is task
    assert await task == result[0]


def test_there_is_no_task_where_no_loop_runs(study: RunStudy) -> None:
    assert study("true")[0].task is None


def test_two_views_of_a_run_are_equal_and_two_runs_are_not(study: RunStudy) -> None:
    result = study("true", runs=[{}, {}])
    assert result[0] == result[0]
    assert result[0] != result[1]
    assert len({result[0], result[0], result[1]}) == 2


def test_a_run_words_itself(study: RunStudy) -> None:
    result = study("sh", "-c", "exit {code}", runs=[{"code": 0}, {"code": 3}])
    assert repr(result[0]) == "<Run 0 success {'code': 0}>"
    assert repr(result[1]) == "<Run 1 failure (exit code 3) {'code': 3}>"
