"""What is stored of an ensemble of Themis, and how it is asked and changed."""

from __future__ import annotations

import io
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

from runsemble.compat.themis import CompositeRun, Run, Step, Themis, runtime, user_utils

from .support import wait_until
from .themis_support import interface, made, numbered, program, shell_run, shell_step, statuses

Q, S, F, K, A = Themis.STATUS_ENUMS


@pytest.fixture(autouse=True)
def _in_a_directory(here: Path) -> Iterator[None]:
    """Stand in an empty directory; wait for the threads of connections that were just closed."""
    yield
    wait_until("connections are closed", lambda: not any("_connection" in each.name for each in enumerate_threads()))


class Fraction(Decimal):
    """A type of the user's."""


@pytest.mark.parametrize(
    "sample",
    [
        {},
        {"x": 1.5, "t": (1, 2), "d": Decimal("1.10"), "run_id": 7},
        {1: "one", "a.b": None},
        OrderedDict(z=1, a=2),
        {"mine": Fraction("0.5")},
    ],
)
def test_samples_come_back_as_they_were(sample: dict[Any, Any]) -> None:
    ensemble = Themis.create(runs=[CompositeRun(sample, [Step("true")])])
    found = Themis(ensemble.setup_dir).runs([1])[1].sample
    assert found == sample
    assert type(found) is type(sample)
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in sample.items()}


def test_steps_come_back_as_they_were() -> None:
    step = Step("app -x 'a b'", tasks=4, cores_per_task=2, gpus_per_task=-1, timeout=3, batch_script=False, cwd="sub")
    ensemble = Themis.create("true", [CompositeRun({}, [step, step]), CompositeRun({}, (step,)), Run(args="0")])
    runs = ensemble.runs([1, 2, 3, 4])
    assert list(runs) == [1, 2, 3]
    assert [type(run.steps) for run in runs.values()] == [list, tuple, tuple]
    assert [repr(each) for each in runs[1].steps] == [repr(step)] * 2
    assert runs[3].steps[0].args[1:] == ["0"]
    assert (runs[3].sample, runs[3].status, runs[3].result) == ({}, Q, None)


@pytest.mark.parametrize(
    "result", [None, 1e99, (1, "a"), {1: {2, 3}}, Decimal("1.10"), b"\0raw", Fraction(3), Step("x")]
)
def test_results_come_back_as_they_were(result: Any) -> None:
    ensemble = made("true")
    ensemble.set_result(1, result)
    found = ensemble.runs(iter([1]))[1].result
    assert type(found) is type(result)
    assert repr(found) == repr(result)


def test_unknown_runs_are_passed_over() -> None:
    ensemble = made("true")
    ensemble.set_result(9, 1)
    ensemble.requeue_runs([9])
    ensemble.dequeue_runs(number for number in [9, -1])
    assert ensemble.runs([9, 1, 9]).keys() == {1}
    with pytest.raises(KeyError):
        ensemble.dry_run(9)
    with pytest.raises(ValueError, match="No run has the id 99"):
        ensemble.call_post_run(99)


def test_statuses_are_asked_by_their_numbers() -> None:
    ensemble = made("true", "false", "true")
    ensemble.execute_local(blocking=True)
    ensemble.add_runs([shell_run("true"), shell_run("true")])
    ensemble.kill_runs([5])
    assert ensemble.filter_by_status() == (1, 2, 3, 4, 5)
    assert ensemble.filter_by_status(F, Q) == (2, 4)
    assert [ensemble.count_by_status(status) for status in Themis.STATUS_ENUMS] == [1, 2, 1, 1, 0]
    assert (ensemble.count_by_status(), ensemble.count_by_status(S, K), ensemble.progress()) == (5, 3, (4, 5))
    ensemble.restart_runs((number for number in (2, 5)), hard=True)
    assert statuses(ensemble) == (S, Q, S, Q, Q)


def test_a_result_survives_that_its_run_is_queued_again() -> None:
    ensemble = made("true")
    ensemble.execute_local(blocking=True)
    ensemble.set_result(1, "kept")
    ensemble.requeue_runs([1])
    assert ensemble.runs([1])[1].result == "kept"
    ensemble.execute_local(blocking=True)
    assert (statuses(ensemble), ensemble.runs([1])[1].result) == ((S,), "kept")
    with pytest.raises(RuntimeError, match="There are no runs to execute"):
        ensemble.execute_local(blocking=True)


def test_everything_is_written_out() -> None:
    ensemble = Themis.create("true", numbered({"x": 1}, {"x": 2.5}))
    ensemble.set_result(1, {"y": Decimal("0.1")})
    stream = io.StringIO()
    ensemble.write_json(stream)
    (first, second) = json.loads(stream.getvalue())
    assert (first["run_id"], first["sample"], first["result"], second["status"]) == (
        1,
        {"x": 1},
        {"y": "0.1"},
        "queued",
    )
    stream = io.StringIO()
    ensemble.write_csv(stream)
    assert stream.getvalue().splitlines() == [
        "run_id,status,tasks,cores_per_task,gpus_per_task,x,y", "1,queued,1,1,0,1,0.1", "2,queued,1,1,0,2.5,"
    ]  # fmt: skip


def test_there_is_one_ensemble_in_a_directory() -> None:
    made("true")
    with pytest.raises(ValueError, match=r"already created in the directory '\./\.themis_setup'"):
        made("true")
    assert Themis.create_resume("no-such-app").count_by_status() == 1
    assert Themis.create_overwrite(runs=[shell_run("true")] * 2).count_by_status() == 2


def test_the_setup_directory_may_be_the_eighth_argument() -> None:
    arguments = ("true", numbered({"x": 1}), None, None, None, None, None, "set/up")
    assert Themis.create_resume(*arguments).setup_dir == os.path.abspath("set/up")
    assert Themis.create_resume(*arguments).count_by_status() == 1
    assert Themis.create_overwrite(*arguments).setup_dir == os.path.abspath("set/up")
    assert repr(Themis("set/up")) == f"Themis('{os.path.abspath('set/up')}')"
    assert not Themis.exists()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Themis.create("no-such-app"), ValueError),
        (lambda: Themis.create(runs=[Run({})]), TypeError),
        (lambda: Themis.create("true", [Run({}, tasks="many")]), ValueError),
        (lambda: Themis.create("true", numbered({"x": 1}, {"x": 1}), run_dir_names="{x}"), ValueError),
        (lambda: Themis.create("true", numbered({"x": 1}), run_dir_names="{y}"), ValueError),
        (lambda: Themis.create("true", numbered({"x": lambda: 0})), Exception),
        (lambda: Themis.create("true", app_interface="nowhere.py"), FileNotFoundError),
        (lambda: Themis.create(runs=[CompositeRun({}, ["no step"])]), TypeError),  # type: ignore[list-item]
    ],
)
def test_nothing_is_left_of_an_ensemble_that_cannot_be_made(make: Callable[[], Themis], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
    assert os.listdir() == []
    with pytest.raises(ValueError, match="setup not found in"):
        Themis()


def test_an_old_ensemble_survives_that_its_successor_cannot_be_made() -> None:
    made("true")
    with pytest.raises(ValueError, match="not a valid application"):
        Themis.create_overwrite("no-such-app")
    assert Themis().count_by_status() == 1


def test_run_directories_are_unique_among_stored_runs_too() -> None:
    ensemble = Themis.create("true", numbered({"x": 1}), run_dir_names="runs/x={x}/{run_id_min}-{run_id_max}")
    assert list(ensemble.run_dirs()) == []
    assert list(ensemble.run_dirs(nonexistent=True)) == [(1, os.path.abspath("runs/x=1/0-9999"))]
    with pytest.raises(ValueError, match="will not produce unique run directories"):
        ensemble.add_runs(numbered({"x": 2}, {"x": 1}))
    with pytest.raises(ValueError, match="do not have keys matching"):
        ensemble.add_runs(numbered({"y": 2}))
    ensemble.add_runs(numbered({"x": 2}))
    assert ensemble.filter_by_status() == (1, 2)


def test_clearing_leaves_run_directories_and_the_users_files() -> None:
    ensemble = made("true")
    ensemble.execute_local(blocking=True)
    Path(".themis_setup/notes.txt").touch()
    Themis.clear()
    assert os.listdir(".themis_setup") == ["notes.txt"]
    assert os.listdir("runs/1") == ["run.log"]
    assert Themis.create(runs=[shell_run("true")]).count_by_status() == 1
    os.unlink(".themis_setup/notes.txt")
    Themis.clear()
    Themis.clear()
    assert os.listdir() == ["runs"]


def test_a_dry_run_prepares_the_directories_and_calls_prep_run_here(capsys: pytest.CaptureFixture[str]) -> None:
    program("app.sh", "echo %%x%%")
    interface(
        "import os, pathlib\n"
        "def prep_run(): pathlib.Path('prep.txt').write_text(f'{os.getpid()} {user_utils.run_id()}')\n"
    )
    ensemble = Themis.create("app.sh", numbered({"x": 1}, {"x": 2}), app_interface="interface.py")
    ensemble.dry_run(2, verbosity=1)
    assert capsys.readouterr().out == "Executing dry run #2 in 'runs/2'...\n"
    assert os.listdir("runs") == ["2"]
    assert Path("runs/2/app.sh").read_text() == "#!/bin/sh\necho 2\n"
    assert Path("runs/2/prep.txt").read_text() == f"{os.getpid()} 2"
    ensemble.dry_run()
    assert sorted(os.listdir("runs")) == ["1", "2"]
    assert statuses(ensemble) == (Q, Q)


def test_hooks_can_be_called_here(caplog: pytest.LogCaptureFixture) -> None:
    interface(
        "import os\n"
        "def post_run(): return os.getcwd(), user_utils.run().sample, user_utils.root_dir()\n"
        "def prep_ensemble(): user_utils.themis_handle().set_result(1, user_utils.run_id())\n"
        "def post_ensemble(): raise ValueError('no such luck')\n"
    )
    ensemble = Themis.create("true", numbered({"x": 1}), app_interface="interface.py")
    assert ensemble.call_post_run(1) == (os.path.abspath("runs/1"), {"x": 1}, os.getcwd())
    assert ensemble.runs([1])[1].result is None
    ensemble.call_prep_ensemble()
    ensemble.call_post_ensemble()
    assert "no such luck" in caplog.text
    assert made("true", setup_dir="other", run_dir_names="other-{run_id}").call_post_run(1) is None


ASKING = """
import sys

def told():
    run = user_utils.run()
    run.sample["spoilt"] = 1
    again = user_utils.run()
    return repr(again.sample), type(again.steps).__name__, list(map(repr, again.steps)), user_utils.root_dir()

def prep_run():
    with open("before", "w") as file:
        print("sqlite3" in sys.modules, told(), file=file)

def post_run():
    return "sqlite3" in sys.modules, told()
"""


@pytest.mark.parametrize(
    "sample",
    [
        {"x": 1, "name": "größer", "list": [1, {"y": None}]},
        {},
        {1: "one", "pair": (1, 2)},
        {"big": "x" * 100_000},
        {"set": {1, 2}},
    ],
    ids=["plain", "empty", "keys-that-are-no-names", "big", "pickled"],
)
def test_a_hook_is_told_exactly_its_run_and_opens_no_record_for_it(sample: dict[Any, Any]) -> None:
    program("app.sh", "true")
    interface(ASKING)
    steps = [Step("/bin/true -a 'b c'", timeout=3, batch_script=False, cwd="sub"), Step(["app.sh"], tasks=2)]
    ensemble = Themis.create(runs=[CompositeRun(sample, steps)], app_interface="interface.py")
    expected = repr(sample), "list", list(map(repr, steps)), os.getcwd()
    ensemble.execute_local(blocking=True)
    asked, found = ensemble.runs([1])[1].result
    assert found == expected
    assert Path("runs/1/before").read_text() == f"{asked} {expected}\n"
    assert not asked, "the record was opened"
    assert ensemble.call_post_run(1) == (True, expected)


def test_outside_a_run_there_is_none() -> None:
    for ask in (runtime.fetch_run_id, runtime.fetch_run, runtime.themis_handle):
        with pytest.raises(RuntimeError, match="must be called from an application launched by Themis"):
            ask()
    with pytest.raises(RuntimeError, match="none is being called"):
        user_utils.run_id()


def test_stopping_where_nothing_is_executed_has_no_effect() -> None:
    interface("def post_run(): user_utils.stop_ensemble()\n")
    ensemble = Themis.create("true", numbered({"x": 1}), app_is_batch_script=False, app_interface="interface.py")
    assert ensemble.call_post_run(1) is None
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (S,)


def test_a_soft_restart_goes_on_where_the_run_failed_and_a_hard_one_does_not() -> None:
    steps = [shell_step("echo >> count"), shell_step("[ -e ../../ok ]")]
    ensemble = Themis.create(runs=[CompositeRun({}, steps)])
    ensemble.execute_local(blocking=True)
    assert statuses(ensemble) == (F,)
    Path("ok").touch()
    for hard, count in ((False, 1), (True, 2), (False, 3)):
        ensemble.requeue_runs([1], hard=hard)
        ensemble.execute_local(blocking=True)
        assert (statuses(ensemble), Path("runs/1/count").read_text().count("\n")) == ((S,), count)
