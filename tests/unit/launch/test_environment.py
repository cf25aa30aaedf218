import os
import sys

import pytest

from runsemble.launch.environment import base_environment, grant_environment
from runsemble.model.resources import Grant, Shape


@pytest.fixture
def venv(monkeypatch: pytest.MonkeyPatch) -> str:
    """Pretend to be the interpreter of a virtual environment; return where its programs are."""
    monkeypatch.setattr(sys, "prefix", "/venv")
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    return "/venv/bin"


def test_a_run_inherits_the_callers_environment() -> None:
    theirs = {"HOME": "/home/u", "EMPTY": "", "PATH": "/bin"}
    assert base_environment(theirs).items() >= {"HOME": "/home/u", "EMPTY": ""}.items()


def test_the_callers_environment_is_not_changed(venv: str) -> None:
    theirs = {"PATH": "/bin"}
    base_environment(theirs)
    assert theirs == {"PATH": "/bin"}


def test_nothing_of_an_enclosing_run_is_inherited() -> None:
    assert not [n for n in base_environment({"RUNSEMBLE_RUN_ID": "3", "RUNSEMBLE_PARAMS": "{}"}) if "RUNSEMBLE" in n]


def test_path_begins_with_the_virtual_environment(venv: str) -> None:
    assert base_environment({"PATH": "/usr/bin:/bin"})["PATH"] == "/venv/bin:/usr/bin:/bin"


def test_path_holds_the_virtual_environment_in_front_only_once(venv: str) -> None:
    assert base_environment({"PATH": "/venv/bin:/bin"})["PATH"] == "/venv/bin:/bin"


def test_without_a_path_the_systems_own_is_kept(venv: str) -> None:
    assert base_environment({})["PATH"] == "/venv/bin:" + os.defpath


def test_path_stays_outside_a_virtual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert base_environment({"PATH": "/bin"})["PATH"] == "/bin"


def test_a_run_sees_its_cores() -> None:
    env = grant_environment(Grant(0, (2, 3), (), Shape(2)), 1, "")
    assert env["RUNSEMBLE_CORES"] == "2,3"
    assert env["OMP_NUM_THREADS"] == "2"


def test_tasks_share_the_cores() -> None:
    env = grant_environment(Grant(0, (0, 1, 2, 3), (), Shape(4)), 2, "")
    assert env["OMP_NUM_THREADS"] == "2"


def test_threads_are_left_alone_where_cores_are_not_counted() -> None:
    env = grant_environment(Grant(0, (), (), Shape(2)), 1, "")
    assert env["RUNSEMBLE_CORES"] == "2"
    assert "OMP_NUM_THREADS" not in env


@pytest.mark.parametrize(("vendor", "variable"), [("nvidia", "CUDA_VISIBLE_DEVICES"), ("amd", "ROCR_VISIBLE_DEVICES")])
def test_a_run_sees_its_gpus_and_no_others(vendor: str, variable: str) -> None:
    env = grant_environment(Grant(0, (0,), ("1", "GPU-a"), Shape(1, 2)), 1, vendor)
    assert env["RUNSEMBLE_GPUS"] == env[variable] == "1,GPU-a"


@pytest.mark.parametrize(("vendor", "variable"), [("nvidia", "CUDA_VISIBLE_DEVICES"), ("amd", "ROCR_VISIBLE_DEVICES")])
def test_a_run_that_asked_for_no_gpu_sees_none(vendor: str, variable: str) -> None:
    assert grant_environment(Grant(0, (0,)), 1, vendor)[variable] == ""


def test_nothing_is_said_to_runtimes_of_vendors_that_are_not_there() -> None:
    env = grant_environment(Grant(0, (0,)), 1, "")
    assert not [name for name in env if "VISIBLE" in name]
