"""What it takes to start a run by hand: just what its agent started."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from runsemble.ensemble.by_hand import RunCommand
from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import UsageError
from runsemble.model.step import Step

from .ensembles import made, shell

#: Writes down what a program finds when it starts.
DUMP = "import os, sys, json; json.dump([sys.argv, dict(os.environ), os.getcwd()], open('/dev/stdout', 'w'))"
#: What differs by nature: who the agent is, and until when the attempt may run.
OF_THE_SHELL = {"_", "SHLVL", "PWD", "OLDPWD", "COLUMNS", "LINES"}
OF_THE_AGENT = {"RUNSEMBLE_RUN_KEY", "RUNSEMBLE_BELL", "RUNSEMBLE_RESULTS", "RUNSEMBLE_DEADLINE"}


def started(line: str) -> list[object]:
    """Return what a program finds that is started by a line for a shell."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def stdout_of(command: RunCommand) -> list[object]:
    return list(json.loads(Path(command.directory, "stdout").read_text()))


async def test_arguments_environment_and_directory_are_those_of_the_attempt(here: Path) -> None:
    ensemble = await made(
        "python", "-c", DUMP, "{x}", "a 'b\n$HOME", runs=2, env={"MINE": "is {x}"}, timeout_s=60, mem_mib=500
    )
    await ensemble.execute()
    command = await ensemble.command_of(1)
    argv, env, cwd = started(await asyncio.to_thread(command.shell_line, os.environ))
    own_argv, own_env, own_cwd = stdout_of(command)
    assert (argv, cwd) == (own_argv, own_cwd)
    assert isinstance(env, dict)
    assert isinstance(own_env, dict)
    different = {name for name in env.keys() | own_env.keys() if env.get(name) != own_env.get(name)}
    assert different - OF_THE_SHELL == OF_THE_AGENT
    assert env["MINE"] == "is 1"
    assert env["RUNSEMBLE_PARAMS"] == '{"x":1}'
    (attempt,) = (await ensemble.why(1)).attempts
    assert command.cores == tuple(map(int, (attempt.cores or "").split(",")))


async def test_the_step_that_failed_is_the_one_with_its_own_directory(here: Path) -> None:
    steps = [Step(["true"]), Step(shell("exit 3"), cwd="sub"), Step(["true"])]
    ensemble = await Ensemble.create("sweep", runs=[RunSpec({"x": 1}, steps)])
    await ensemble.execute()
    command = await ensemble.command_of(0)
    assert (command.argv, command.step, command.step_count) == (["sh", "-c", "exit 3"], 1, 3)
    assert command.cwd == str(here / "sweep" / "0" / "sub")
    assert command.env["RUNSEMBLE_STEP"] == "1"


async def test_long_parameters_travel_by_file(here: Path) -> None:
    ensemble = await Ensemble.create("sweep", runs=[{"x": "y" * 5000}], cmd=["true"])
    await ensemble.execute()
    assert (await ensemble.command_of(0)).env["RUNSEMBLE_PARAMS"] == f"@{here}/sweep/0/params.json"


async def test_a_run_without_a_directory_cannot_be_started_by_hand(here: Path) -> None:
    ensemble = await made("true")
    with pytest.raises(UsageError, match="run 1 has no directory yet"):
        await ensemble.command_of(1)
    with pytest.raises(UsageError, match="there is no run 7"):
        await ensemble.command_of(7)


async def test_only_the_runs_that_are_meant_are_executed(here: Path) -> None:
    ensemble = await made("true", runs=5)
    await ensemble.execute(only=[3, 1])
    assert await ensemble.filter_by_status("success") == (1, 3)
    assert await ensemble.count_by_status("pending") == 3


async def test_a_function_is_called_by_hand_with_the_same_parameters_and_its_record_stays(here: Path) -> None:
    def invert(x: int) -> float:
        print("inverting", x)  # noqa: T201
        return 1 / x

    ensemble = await Ensemble.create("sweep", runs=[{"x": 4}, {"x": 0}], cmd=invert)
    await ensemble.execute()
    commands = [await ensemble.command_of(id_) for id_ in (0, 1)]

    def call_both() -> None:
        kept = (here / "sweep/1/exception.pickle").read_bytes()
        lines = [command.shell_line(os.environ) for command in commands]
        done = [subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False) for line in lines]
        assert [(one.returncode, one.stdout) for one in done] == [(0, "inverting 4\n"), (1, "inverting 0\n")]
        assert (here / "sweep/0/results-by-hand.json").read_text() == "0.25"
        assert (here / "sweep/1/exception.pickle").read_bytes() == kept

    await asyncio.to_thread(call_both)
