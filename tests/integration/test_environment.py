"""What a run finds in its environment."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from runsemble import ParallelLocalRunner, Run

from .conftest import RunStudy
from .support import PYTHON

#: The variables that a run finds when it has no time limit.
ALWAYS = {
    "RUN_ID", "ATTEMPT", "STEP", "RUN_DIR", "ENSEMBLE_DIR", "SUBMIT_DIR", "RUN_KEY", "PARAMS", "RESULTS", "BELL",
    "CORES", "GPUS", "MEM_MIB", "TASKS",
}  # fmt: skip


def environment_of(run: Run) -> dict[str, str]:
    """Return the environment that a run of `env -0` has printed."""
    pairs = run.read_stdout().decode().rstrip("\0").split("\0")
    return dict(pair.split("=", 1) for pair in pairs)


def ours(run: Run) -> dict[str, str]:
    """Return the variables of ours, without their common beginning."""
    begin = "RUNSEMBLE_"
    return {name[len(begin) :]: value for name, value in environment_of(run).items() if name.startswith(begin)}


def test_a_run_finds_who_and_where_it_is(study: RunStudy, here: Path) -> None:
    result = study("env", "-0", runs=[{"x": 1}, {"x": 2}])
    env = ours(result[1])
    assert set(env) == ALWAYS
    assert (env["RUN_ID"], env["ATTEMPT"], env["STEP"], env["TASKS"]) == ("1", "1", "0", "1")
    assert (env["RUN_DIR"], env["ENSEMBLE_DIR"], env["SUBMIT_DIR"]) == (
        str(here / "out/1"),
        str(here / "out"),
        str(here),
    )
    assert env["RESULTS"] == str(here / "out/1/results.json")
    assert json.loads(env["PARAMS"]) == {"x": 2}
    assert env["GPUS"] == ""
    assert env["RUN_KEY"] != ours(result[0])["RUN_KEY"]


def test_a_run_finds_what_it_was_given(study: RunStudy) -> None:
    runner = ParallelLocalRunner(gpus=["GPU-a", "GPU-b"], mem_mib=1000)
    result = study("env", "-0", runner=runner, gpus=1, mem_mib=200)
    env = environment_of(result[0])
    assert env["RUNSEMBLE_GPUS"] in ("GPU-a", "GPU-b")
    assert env["CUDA_VISIBLE_DEVICES"] == env["RUNSEMBLE_GPUS"]
    assert env["RUNSEMBLE_MEM_MIB"] == "200"
    assert int(env["RUNSEMBLE_CORES"]) in os.sched_getaffinity(0)
    assert env["OMP_NUM_THREADS"] == "1"


def test_a_run_that_asked_for_no_gpu_sees_none(study: RunStudy) -> None:
    assert environment_of(study("env", "-0", runner=ParallelLocalRunner(gpus=["0"]))[0])["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one core only")
def test_a_run_of_two_cores_may_start_two_threads_on_them(study: RunStudy) -> None:
    env = environment_of(study("env", "-0", cores=2)[0])
    assert env["OMP_NUM_THREADS"] == "2"
    assert len(set(env["RUNSEMBLE_CORES"].split(","))) == 2


def test_what_the_user_sets_wins_over_what_the_grant_suggests(study: RunStudy) -> None:
    env = environment_of(study("env", "-0", env={"OMP_NUM_THREADS": "7", "MY_OWN": "x"})[0])
    assert (env["OMP_NUM_THREADS"], env["MY_OWN"]) == ("7", "x")


def test_a_run_knows_its_attempt_and_its_deadline(study: RunStudy) -> None:
    began = time.time()
    result = study("sh", "-c", "env -0; test $RUNSEMBLE_ATTEMPT = 2", retries=1, timeout_s=1000)
    env = ours(result[0])
    assert set(env) == ALWAYS | {"DEADLINE"}
    assert env["ATTEMPT"] == "2"
    assert began + 1000 <= float(env["DEADLINE"]) <= time.time() + 1000


def test_programs_are_looked_up_in_the_drivers_virtual_environment_first(study: RunStudy) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("the tests do not run in a virtual environment")
    env = environment_of(study("env", "-0")[0])
    assert env["PATH"].split(":")[0] == os.path.join(sys.prefix, "bin")


def test_a_program_is_looked_up_on_the_path_that_the_user_sets(study: RunStudy, here: Path) -> None:
    (here / "bin").mkdir()
    (here / "bin/my-tool").write_text("#!/bin/sh\necho mine\n")
    (here / "bin/my-tool").chmod(0o755)
    result = study("my-tool", env={"PATH": f"{here}/bin:/usr/bin:/bin"})
    assert result[0].read_stdout() == b"mine\n"


def test_the_rest_of_the_environment_is_the_callers(
    study: RunStudy, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "a 'b' \"c\"\nd")
    monkeypatch.setenv("RUNSEMBLE_RUN_ID", "of an enclosing run")
    monkeypatch.setenv("RUNSEMBLE_LEFTOVER", "of an enclosing run")
    env = environment_of(study("env", "-0")[0])
    assert env["FROM_OUTSIDE"] == "a 'b' \"c\"\nd"
    assert env["RUNSEMBLE_RUN_ID"] == "0"
    assert "RUNSEMBLE_LEFTOVER" not in env


def test_large_parameters_travel_by_file(study: RunStudy) -> None:
    params = {"xs": list(range(3000)), "text": "é" * 3000}
    shown, read = study("{a}", "{b}", "{c}", runs=[
        {"a": "env", "b": "-0", "c": "A=1", **params},
        {"a": PYTHON, "b": "-c", "c": "import runsemble as r; print(len(r.getRunParams()['xs']))", **params},
    ])  # fmt: skip
    assert ours(shown)["PARAMS"] == f"@{shown.run_dir}/params.json"
    assert read.read_stdout() == b"3000\n"
    assert shown.params["text"] == "é" * 3000


def test_a_megabyte_of_parameters_is_no_trouble(study: RunStudy) -> None:
    params = {"blob": "x" * 1_000_000}
    script = "import runsemble as r; print(len(r.getRunParams()['blob']))"
    assert study(PYTHON, "-c", script, runs=[params])[0].read_stdout() == b"1000000\n"


def test_a_study_within_a_run_is_a_study_of_its_own(study: RunStudy, here: Path) -> None:
    inner = (
        "from runsemble import multirun_sync; import sys\n"
        "r = multirun_sync(runs=[{'y': 5}], cmd=['sh', '-c', 'echo $RUNSEMBLE_RUN_ID {y} > results.json; pwd'],"
        " output_path='inner')\n"
        "print(r[0].status, r[0].run_dir)\n"
    )
    run = study(PYTHON, "-c", inner, runs=[{"x": 1}])[0]
    assert run.read_stdout().decode().split() == ["success", str(here / "out/0/inner/0")]
    assert run.read_stderr() == b"", "a study within a run shows no progress"
    assert run.result is None
