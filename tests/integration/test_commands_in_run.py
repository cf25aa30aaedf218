"""`runsemble param` and `runsemble post`: the helpers for shell scripts and every other language."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from .conftest import RunStudy
from .support import names_in

PROGRAM = os.path.join(sysconfig.get_path("scripts"), "runsemble")


@pytest.fixture(autouse=True)
def installed() -> None:
    """Skip where the program is not installed."""
    if not os.path.exists(PROGRAM):
        pytest.skip(f"{PROGRAM} is not installed")


def test_a_script_asks_for_parameters_by_name(study: RunStudy) -> None:
    params = {"x": 1.5, "text": "a 'b'\n", "xs": [1, None], "flag": True, "name with blank": "é"}
    script = "; echo -; ".join(f"runsemble param '{name}'" for name in params)
    run = study("sh", "-c", script, runs=[params])[0]
    assert run.read_stdout().decode().split("\n-\n") == ["1.5", "a 'b'\n", "[1,null]", "true", "é\n"]


def test_a_script_asks_for_all_parameters(study: RunStudy) -> None:
    assert study("runsemble", "param", runs=[{"x": 1, "y": "z"}])[0].read_stdout() == b'{"x":1,"y":"z"}\n'


def test_a_script_posts_values_by_name(study: RunStudy) -> None:
    run = study("runsemble", "post", "loss=0.3", "ok=true", "label=two words", "xs=[1,2]", "empty=", "e=a=b")[0]
    assert run.result == {"loss": 0.3, "ok": True, "label": "two words", "xs": [1, 2], "empty": "", "e": "a=b"}


def test_a_script_posts_json_from_its_standard_input(study: RunStudy) -> None:
    run = study("sh", "-c", 'echo \'{"loss": [0.1, {"a": null}]}\' | runsemble post --json -')[0]
    assert run.result == {"loss": [0.1, {"a": None}]}


def test_a_parameter_that_is_not_there_is_told_with_those_that_are(study: RunStudy) -> None:
    run = study("runsemble", "param", "betta", runs=[{"beta": 1, "gamma": 2}])[0]
    assert (run.status, run.returncode) == ("failure", 1)
    assert run.last_words is not None
    assert "'betta'" in run.last_words
    assert "beta, gamma" in run.last_words


def test_what_is_no_json_is_refused_and_posts_nothing(study: RunStudy) -> None:
    run = study("sh", "-c", "echo '{' | runsemble post --json -")[0]
    assert (run.status, run.result) == ("failure", None)
    assert "results.json" not in names_in(run.run_dir)
    assert run.last_words is not None
    assert "JSON" in run.last_words


@pytest.mark.parametrize("words", [("param", "x"), ("post", "x=1")])
def test_outside_a_run_the_commands_say_what_to_set(here: Path, words: tuple[str, str]) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNSEMBLE_")}
    done = subprocess.run([PROGRAM, *words], cwd=here, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "RUNSEMBLE_PARAMS" in done.stderr
    assert names_in(here) == []
