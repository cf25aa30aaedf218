"""Bad input gets one clear sentence, and nothing is left of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runsemble import FeedError, FileResource, ParallelLocalRunner, RunsembleError, UsageError, multirun
from runsemble.errors import DirectoryError
from runsemble.model import events

from .conftest import RunStudy
from .support import names_in, own_agents, processes_of

#: Beyond this many characters nobody would call it a sentence.
LONGEST = 400


class Bad(NamedTuple):
    """A request that makes no sense, as changes to one that does."""

    arguments: dict[str, Any] | Callable[[], dict[str, Any]]
    culprit: str  #: what the sentence must name
    advice: str  #: words by which it says what to do, or what would do


class _Opaque:
    def __repr__(self) -> str:
        return "<Opaque>"


def _resource(path: str, **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"input_files": [FileResource(path, **options)]}


def _runner(**options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"runner": ParallelLocalRunner(**options)}


WHOLE = "whole number of at least"
LIST = "list of strings such as"

#: In a directory that holds the files ``model.py``, ``a/data`` and ``b/data``, and the directory ``taken``.
BAD = {
    # The command
    "empty command": Bad({"cmd": []}, "cmd is empty", "give the program and its arguments"),
    "command as a string": Bad({"cmd": "python model.py"}, "'python model.py'", "shlex.split()"),
    "no command": Bad({"cmd": None}, "cmd", LIST),
    "number in the command": Bad({"cmd": ["echo", 1]}, "cmd[1]", "must be a string"),
    "nothing in the command": Bad({"cmd": ["echo", None]}, "cmd[1]", "must be a string"),
    "empty program": Bad({"cmd": ["", "x"]}, "cmd[0]", "program"),
    "zero byte in the command": Bad({"cmd": ["echo", "a\0b"]}, "cmd[1]", "zero byte"),
    "set as a command": Bad({"cmd": {"echo"}}, "set", LIST),
    "script that was forgotten": Bad({"cmd": ["python", "model.py"]}, "model.py", "add it to input_files"),
    "data that was forgotten": Bad({"cmd": ["cat", "a/data"]}, "a/data", "add it to input_files"),
    "near miss of a parameter": Bad({"cmd": ["echo", "{bta}"], "runs": [{"beta": 1}]}, "{bta}", "{beta}"),
    "near miss of our own": Bad({"cmd": ["echo", "{runid}"]}, "{runid}", "{run_id}"),
    "unsuitable format": Bad({"cmd": ["echo", "{x:d}"], "runs": [{"x": 0.5}]}, "{x:d}", "does not suit 0.5"),
    "zero byte from a parameter": Bad({"cmd": ["echo", "{x}"], "runs": [{"x": "\0"}]}, "runs[0]: cmd[1]", "zero byte"),
    # The parameter sets
    "no runs": Bad({"runs": None}, "runs", "such as [{'beta': 0.1}]"),
    "one parameter set alone": Bad({"runs": {"beta": 1}}, "{'beta': 1}", "such as [{'beta': 0.1}]"),
    "runs as a string": Bad({"runs": "abc"}, "'abc'", "such as [{'beta': 0.1}]"),
    "runs as a number": Bad({"runs": 3}, "3", "such as [{'beta': 0.1}]"),
    "parameter set that is a number": Bad({"runs": [3]}, "runs[0]", "must map parameter names to values"),
    "parameter set that is a pair": Bad({"runs": [("x", 1)]}, "runs[0]", "must map parameter names to values"),
    "name that is a number": Bad({"runs": [{1: 2}]}, "1 is of type int", "must be strings"),
    "name that is taken": Bad({"runs": [{"run_id": 2}]}, "'run_id'", "choose another name"),
    "value of an unknown type": Bad({"runs": [{"x": _Opaque()}]}, "'x'", "pass numbers, strings, lists"),
    "value that is a function": Bad({"runs": [{"x": len}]}, "'x'", "pass numbers, strings, lists"),
    "value that holds itself": Bad(lambda: {"runs": [{"x": _endless()}]}, "'x'", "holds itself"),
    # Directories
    "output directory that exists": Bad({"output_path": "taken"}, "taken", "give another output_path"),
    "output directory that is a file": Bad({"output_path": "model.py"}, "model.py", "give another output_path"),
    "output directory within a file": Bad({"output_path": "model.py/out"}, "model.py/out", "cannot be made"),
    "output directory here": Bad({"output_path": "."}, "output directory", "give another output_path"),
    "output directory that is no path": Bad({"output_path": 3}, "output_path", "path"),
    "zero byte in the output directory": Bad({"output_path": "a\0b"}, "a\\x00b", "zero byte"),
    "run directory above": Bad({"run_dir": "../{run_id}"}, "'../0'", "inside"),
    "run directory deep above": Bad({"run_dir": "a/../../{run_id}"}, "'a/../../0'", "inside"),
    "run directory elsewhere": Bad({"run_dir": "/tmp/{run_id}"}, "'/tmp/0'", "inside"),
    "run directory from a parameter above": Bad({"run_dir": "{x}", "runs": [{"x": ".."}]}, "'..'", "inside"),
    "run directory without a name": Bad({"run_dir": "{x}", "runs": [{"x": ""}]}, "''", "inside"),
    "run directory that is the output's": Bad({"run_dir": "."}, "'.'", "inside"),
    "run directory that is ours": Bad({"run_dir": ".shared"}, "'.shared'", "inside"),
    "run directory with a long name": Bad({"run_dir": "{x}", "runs": [{"x": "x" * 300}]}, "300 char", "too long"),
    "run directory with a zero byte": Bad({"run_dir": "{x}", "runs": [{"x": "\0"}]}, "runs[0]", "zero byte"),
    "run directory that is no string": Bad({"run_dir": 3}, "run_dir", "must be a string"),
    "run directory with a near miss": Bad({"run_dir": "{runid}"}, "{runid}", "{run_id}"),
    # Input files
    "missing input": Bad({"input_files": ["none.csv"]}, "'none.csv'", "does not exist in"),
    "pattern without a match": Bad({"input_files": ["*.none"]}, "'*.none'", "no input file matches"),
    "two inputs of one name": Bad({"input_files": ["a/data", "b/data"]}, "'data'", "rename one of them"),
    "one input within another": Bad(
        lambda: {"input_files": ["a/data", FileResource("b/data", rename="data/x")]}, "data", "rename one of them"
    ),
    "one name for two inputs": Bad(_resource("?/data", rename="x"), "'?/data'", "cannot all be called x"),
    "input with a name of ours": Bad(_resource("model.py", rename="params.json"), "'params.json'", "runsemble writes"),
    "input outside of the run": Bad(_resource("model.py", rename="../x"), "'../x'", "inside the run directory"),
    "unknown linkage": Bad(_resource("model.py", linkage="hard"), "'hard'", "'copy', 'shared' or 'link'"),
    "inputs as a string": Bad({"input_files": "model.py"}, "'model.py'", "must be a list"),
    "input that is no path": Bad({"input_files": [3]}, "3", "input"),
    "inputs that are no list": Bad({"input_files": 3}, "input_files", "must be a list"),
    # Sizes
    "no core": Bad({"cores": 0}, "cores", WHOLE),
    "fewer cores than none": Bad({"cores": -1}, "cores", WHOLE),
    "half a core": Bad({"cores": 0.5}, "cores", WHOLE),
    "cores in words": Bad({"cores": "two"}, "cores", WHOLE),
    "fewer GPUs than none": Bad({"gpus": -1}, "gpus", WHOLE),
    "no memory": Bad({"mem_mib": 0}, "mem_mib", "or None for no limit"),
    "less memory than none": Bad({"mem_mib": -5}, "mem_mib", WHOLE),
    "half a MiB": Bad({"mem_mib": 0.5}, "mem_mib", WHOLE),
    "no task": Bad({"tasks": 0}, "tasks", WHOLE),
    "fewer retries than none": Bad({"retries": -1}, "retries", WHOLE),
    "fewer failures than none": Bad({"max_failures": -1}, "max_failures", WHOLE),
    "no time": Bad({"timeout_s": 0}, "timeout_s", "greater than 0"),
    "less time than none": Bad({"timeout_s": -3.5}, "timeout_s", "greater than 0"),
    "time that is no number": Bad({"timeout_s": float("nan")}, "timeout_s", "greater than 0"),
    "time in words": Bad({"timeout_s": "1h"}, "timeout_s", "number of seconds"),
    "more cores than there are": Bad({"cores": 5000}, "5000 cores", "this runner has"),
    "more GPUs than there are": Bad(lambda: {"gpus": 99, **_runner(gpus=0)()}, "99 GPUs", "0 GPUs"),
    "more memory than there is": Bad({"mem_mib": 2**40}, f"{2**40} MiB", "MiB of memory"),
    "more cores than the runner has": Bad(lambda: {"cores": 2, **_runner(cores=1)()}, "2 cores", "has 1 core"),
    # The runner
    "runner without slots": Bad(_runner(max_parallel=0), "max_parallel", WHOLE),
    "runner without cores": Bad(_runner(cores=0), "cores", WHOLE),
    "runner with more cores than there are": Bad(_runner(cores=5000), "cores=5000", "this process may use"),
    "runner without memory": Bad(_runner(mem_mib=0), "mem_mib", WHOLE),
    "runner with fewer GPUs than none": Bad(_runner(gpus=-1), "gpus", WHOLE),
    "runner with an empty counter": Bad(_runner(named={"licence": 0}), "named['licence']", WHOLE),
    "runner with less grace than none": Bad(_runner(grace_s=-1), "grace_s", "at least 0"),
    "runner with endless grace": Bad(_runner(grace_s=float("nan")), "grace_s", "at least 0"),
    "runner that pins otherwise": Bad(_runner(pin="no"), "'no'", "'auto', True or False"),
    "runner that is none": Bad({"runner": 4}, "runner", "ParallelLocalRunner()"),
    "runner that is a class": Bad({"runner": ParallelLocalRunner}, "runner", "ParallelLocalRunner()"),
    # The rest
    "environment that is a list": Bad({"env": ["A=1"]}, "env", "mapping"),
    "variable that is a number": Bad({"env": {"A": 1}}, "env['A']", "must be a string"),
    "variable without a name": Bad({"env": {"": "x"}}, "''", "no name of a variable"),
    "variable with an equals sign": Bad({"env": {"A=B": "x"}}, "'A=B'", "no name of a variable"),
    "variable with a zero byte": Bad({"env": {"A": "x\0"}}, "env['A']", "zero byte"),
    "variable with a zero byte from a parameter": Bad(
        {"env": {"A": "{x}"}, "runs": [{"x": "a\0b"}]}, "runs[0]: env['A']", "zero byte"
    ),
    "variable with a near miss": Bad({"env": {"A": "{runid}"}}, "{runid}", "{run_id}"),
    "unknown output": Bad({"output": "none"}, "'none'", "'files', 'merged', 'discard' or 'tail'"),
    "unknown progress": Bad({"progress": "loud"}, "'loud'", "'auto', True or False"),
    # Text that is no text: half of a surrogate pair
    "half a character in the command": Bad({"cmd": ["echo", "\ud800"]}, "\\ud800", "no byte"),
    "half a character from a parameter": Bad({"cmd": ["ls", "{x}"], "runs": [{"x": "\ud800"}]}, "cmd[1]", "no bytes"),
    "half a character in a directory": Bad({"run_dir": "{x}", "runs": [{"x": "\ud800"}]}, "runs[0]", "no bytes"),
    "half a character in a variable": Bad({"env": {"A": "{x}"}, "runs": [{"x": "\ud800"}]}, "env['A']", "no bytes"),
}  # fmt: skip


def _endless() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.fixture
def furnished(here: Path) -> Path:
    """Make the files that the table speaks of."""
    for name in ("model.py", "a/data", "b/data"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text("print('model')\n")
    (here / "taken").mkdir()
    return here


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_one_clear_sentence_and_nothing_is_left(furnished: Path, what: str) -> None:
    bad = BAD[what]
    before = names_in(furnished)

    async def attempt() -> None:
        changes = bad.arguments() if callable(bad.arguments) else bad.arguments
        arguments: dict[str, Any] = {
            "runs": [{}], "cmd": ["touch", "began"], "output_path": "out", "progress": False, **changes,
        }  # fmt: skip
        async with asyncio.timeout(15):
            await multirun(**arguments)

    with pytest.raises(RunsembleError) as caught:
        asyncio.run(attempt())
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < LONGEST
    assert bad.culprit in sentence
    assert bad.advice in sentence
    assert own_agents() == []
    assert processes_of(furnished / "out") == {}
    assert names_in(furnished) == before, "something was left behind"


@pytest.mark.parametrize("missing", ["none.csv", "*.none"])
def test_bad_input_is_found_before_the_agent_is_started(
    study: RunStudy, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("an agent was started")

    monkeypatch.setattr("os.posix_spawn", refuse)
    with pytest.raises(RunsembleError):
        study("true", input_files=[missing])


def test_no_output_directory_is_made_in_vain_by_default(here: Path) -> None:
    with pytest.raises(RunsembleError):
        asyncio.run(multirun(runs=[{}], cmd=[]))
    assert names_in(here) == []


def test_the_default_output_directory_is_never_one_that_exists(here: Path) -> None:
    names = set()
    for _ in range(3):  # within one second
        result = asyncio.run(multirun(runs=[{}], cmd=["true"], progress=False))
        names.add(Path(result.output_path).name)
    assert len(names) == 3
    assert all(name.startswith("multirun-") for name in names)
    assert set(names_in(here)) == names


# An iterable that raises, or yields nonsense, in the middle


async def test_when_the_parameter_sets_end_with_an_error_finished_runs_stay_and_running_ones_are_stopped(
    here: Path,
) -> None:
    runner = ParallelLocalRunner(max_parallel=4, grace_s=1.0)
    ended, started = asyncio.Semaphore(0), asyncio.Semaphore(0)

    def listen(event: events.Event) -> None:
        if isinstance(event, events.RunEnded):
            ended.release()
        elif isinstance(event, events.RunStarted):
            started.release()

    runner.listen(listen)

    async def parameter_sets() -> AsyncIterator[dict[str, Any]]:
        for s in (0, 0, 1000):
            yield {"s": s}
            await started.acquire()
        await ended.acquire()
        await ended.acquire()
        raise OSError("the sensor is gone")

    with pytest.raises(FeedError) as caught:
        await multirun(
            runs=parameter_sets(), cmd=["sh", "-c", "echo {s} > results.json; sleep {s}"], output_path="out",
            runner=runner, progress=False,
        )  # fmt: skip
    error = caught.value
    assert (error.index, str(error.__cause__)) == (3, "the sensor is gone")
    assert "index 3" in str(error)
    assert "the sensor is gone" in str(error)
    assert "\n" not in str(error)
    assert [run.status for run in error.result[:2]] == ["success", "success"]
    assert [run.result for run in error.result[:2]] == [0, 0]
    assert error.result[2].status in ("skipped", "failure")
    assert str(error.result[2].cause) == "aborted"
    assert processes_of(here / "out") == {}
    assert own_agents() == []


def test_a_generator_that_raises_at_once_leaves_nothing(study: RunStudy, here: Path) -> None:
    with pytest.raises(FeedError, match=r"index 0.*division by zero") as caught:
        study("true", runs=({"x": 1 / x} for x in (0, 1)))
    assert caught.value.index == 0
    assert len(caught.value.result) == 0
    assert names_in(here) == []


def test_an_error_of_many_lines_becomes_one_sentence(study: RunStudy) -> None:
    def parameter_sets() -> Iterator[dict[str, Any]]:
        yield {}
        raise ValueError("first line\nsecond line")

    with pytest.raises(FeedError) as caught:
        study("true", runs=parameter_sets())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "words"), [(7, "must map"), ({"x": _Opaque()}, "'x'"), ({2: 1}, "strings"), ({"y": 1}, "no parameter 'x'")]
)
def test_a_bad_parameter_set_in_the_middle_is_told_with_its_position(
    study: RunStudy, here: Path, bad: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        study("echo", "{x}", runs=[{"x": 0}, {"x": 1}, bad, {"x": 3}])
    assert caught.value.index == 2
    assert len(caught.value.result) == 2
    assert all(run.is_done for run in caught.value.result)
    assert "2" in str(caught.value)
    assert processes_of(here / "out") == {}


# Directories that collide


@pytest.mark.parametrize(
    ("run_dir", "values"),
    [
        ("{x}", ["a", "a"]),
        ("{x}", ["a", "./a"]),
        ("{x}", ["a", "b/../a"]),
        ("{x}", ["a", "a/b"]),
        ("{x}", ["a/b", "a"]),
        ("{x}", ["a/b/c", "a/b"]),
        ("same", ["", ""]),
        ("{x:.1f}", [0.11, 0.12]),
        ("{run_id}/../{x}", ["a", "a"]),
        ("{run_id}{x}", ["", "1", *[f"-{n}" for n in range(9)], ""]),  # 1 + "1" is 11 + ""
    ],
    ids=lambda value: str(value)[:20],
)
def test_directories_that_collide_are_refused_with_the_name(
    study: RunStudy, here: Path, run_dir: str, values: list[Any]
) -> None:
    with pytest.raises(DirectoryError, match=r"another run's directory; add \{run_id\} to run_dir") as caught:
        study("true", runs=[{"x": x} for x in values], run_dir=run_dir)
    assert caught.value.index == len(values) - 1
    assert f"runs[{len(values) - 1}]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_run_never_lies_within_another_ones_directory(study: RunStudy) -> None:
    with pytest.raises(DirectoryError, match="another run's directory"):
        study("true", runs=[{"x": ""}, {"x": "0/"}], run_dir="{x}{run_id}")


def test_a_directory_that_appeared_meanwhile_fails_that_run_only(study: RunStudy) -> None:
    result = study("sh", "-c", "mkdir -p ../2", runs=[{}] * 3, runner=ParallelLocalRunner(max_parallel=1))
    assert [run.status for run in result] == ["success", "success", "failure"]
    assert str(result[2].cause) == "staging"
    assert f"{result[2].run_dir} exists already" in result[2].message


def test_a_slash_in_a_value_makes_a_folder(study: RunStudy, here: Path) -> None:
    result = study("pwd", runs=[{"x": "a/b"}, {"x": "a/c"}], run_dir="{x}")
    assert [run.read_stdout().decode().strip() for run in result] == [str(here / "out/a/b"), str(here / "out/a/c")]


def test_the_callers_directory_may_be_gone(study: RunStudy, here: Path) -> None:
    gone = here / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        with pytest.raises(RunsembleError, match="current directory"):
            study("true")
    finally:
        os.chdir(here)
