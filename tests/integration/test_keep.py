"""What stays of the directories of runs that have ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from runsemble import DebugRunner, multirun
from runsemble.cli import exits
from runsemble.cli.app import run_app
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.following import Piece
from runsemble.errors import UsageError
from runsemble.model.step import Step
from runsemble.runners.options import StudyOptions
from runsemble.store.writer import hold_lease
from runsemble.workdir.keep import Keep

from .ensembles import made, shell
from .support import names_in, run_directories_in

RUNS = [{"x": x} for x in range(3)]
#: Too large for the record.
LARGE = [7] * 40_000


def work(x: int) -> Any:
    """Leave all sorts of things; fail for 1; return a pickle for 0, and much for 2."""
    os.makedirs("deep/er")
    Path("deep/er/file").write_text("x")
    Path("deep/link").symlink_to("../../../elsewhere")
    os.system("echo out")
    if x == 1:
        raise ValueError("not one")
    return LARGE if x == 2 else Fraction(1, 3)


LEFT: Mapping[Keep, list[str]] = {
    "all": ["0", "1", "2"], "failed": ["1"], "results": ["0", "1", "2"], "none": [],
}  # fmt: skip


@pytest.fixture
def elsewhere(here: Path) -> Path:
    """Return a directory that runs have links to."""
    (here / "elsewhere").mkdir()
    (here / "elsewhere/precious").touch()
    return here / "elsewhere"


@pytest.mark.parametrize("keep", LEFT)
async def test_directories_go_once_the_record_has_everything(here: Path, elsewhere: Path, keep: Keep) -> None:
    result = await multirun(runs=RUNS, cmd=work, output_path="out", progress=False, keep=keep, run_dir="a/b{x}/{x}")
    assert [(run.status, run.result) for run in result] == [
        ("success", Fraction(1, 3)), ("failure", None), ("success", LARGE),
    ]  # fmt: skip
    left = [name for name in LEFT["all"] if (here / f"out/a/b{name}/{name}").exists()]
    assert left == LEFT[keep]
    if keep == "none":
        assert run_directories_in("out") == []
    if keep == "results":
        assert names_in("out/a/b0/0") == names_in("out/a/b2/2") == ["params.json", "results.json"]
    assert (elsewhere / "precious").exists()
    stored = [(run.status, run.result) async for run in Ensemble("out").runs()]
    assert stored == [(run.status, run.result) for run in result]
    again = await multirun(
        runs=RUNS, cmd=work, output_path="out", progress=False, keep=keep, run_dir="a/b{x}/{x}", resume=True
    )
    assert [run.result for run in again] == [Fraction(1, 3), None, LARGE]
    assert sum(run.attempts for run in again) == 3


async def test_an_ensemble_says_kindly_what_it_has_not_kept(here: Path) -> None:
    ensemble = await made(*shell("echo out; echo oh >&2; [ {x} != 1 ]"), keep="none", first_id=9_999)
    await ensemble.execute()
    assert run_directories_in("sweep") == []
    assert [entry async for entry in ensemble.run_dirs()] == []
    with pytest.raises(UsageError, match=r"output of run 10000 was not kept.*keep='none'"):
        await ensemble.output(10_000)
    with pytest.raises(UsageError, match="was not kept"):
        _ = [piece async for piece in ensemble.follow(9_999)]
    why = await ensemble.why(10_000)
    assert (why.last_lines, why.log) == (("oh",), None)
    run = await ensemble.run(10_000)
    assert (run.last_words, run.stderr, run.trail) == ("oh", None, None)


async def test_a_result_object_says_so_too(here: Path) -> None:
    result = await multirun(
        runs=[{"x": 0}, {"x": 1}], cmd=shell("exit {x}"), output_path="out", progress=False, keep="none"
    )
    assert (result[0].stdout, result[0].trail, result[1].trail) == (None, None, None)
    with pytest.raises(FileNotFoundError, match=r"run 0 was not kept \(keep='none'\)"):
        result[0].read_stdout()
    assert "    see" not in result.summary()


async def test_a_run_that_is_executed_again_begins_anew_where_nothing_was_kept(here: Path) -> None:
    (here / "table").write_text("numbers\n")
    steps = [Step(["cp", "table", "mine"]), Step(["sh", "-c", "cat mine; exit $((2 - $RUNSEMBLE_ATTEMPT))"])]
    ensemble = await Ensemble.create("sweep", runs=[{}], steps=steps, keep="none", input_files=["table"], output="tail")
    await ensemble.execute()
    assert (await ensemble.run(0)).step == 1
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    assert (await ensemble.run(0)).status == "success"
    assert await ensemble.output(0) == [Piece(2, "output", b"numbers\n")]


async def test_attempts_are_told_apart_when_the_former_one_left_nothing(here: Path) -> None:
    ensemble = await made(*shell("echo $RUNSEMBLE_ATTEMPT; exit $(($RUNSEMBLE_ATTEMPT - 1))"), runs=1, keep="failed")
    await ensemble.execute()
    await ensemble.requeue_runs([0])
    await ensemble.execute()
    assert await ensemble.output(0, "stdout") == [Piece(2, "stdout", b"2\n")]
    assert await ensemble.output(0, "stdout", attempt=1) == [Piece(1, "stdout", b"")]


async def test_hooks_after_a_run_still_find_its_directory(here: Path) -> None:
    (here / "hooks.py").write_text("def post_run():\n    return open('stdout').read()\n")
    ensemble = await made("echo", "{x}", keep="none", hooks="hooks.py")
    await ensemble.execute()
    assert [run.result async for run in ensemble.runs()] == ["0\n", "1\n", "2\n"]
    assert run_directories_in("sweep") == []


async def test_what_a_driver_left_that_died_is_removed_by_the_next_one(here: Path) -> None:
    ensemble = await made("true", keep="none")
    await ensemble.execute(only=[0, 1])
    async with hold_lease("sweep") as writer:  # as if it had died before it came to them
        await writer.commit([("set_setting", [("pruned_until", "0")])])
    for name in ("0", "1", "2"):
        (here / "sweep" / name).mkdir()
    await ensemble.requeue_runs([1])
    await ensemble.execute(only=[2])
    assert run_directories_in("sweep") == ["1"]  # which waits to be executed again
    await ensemble.execute()
    assert run_directories_in("sweep") == []


async def test_what_is_asked_for_on_resuming_holds_for_the_whole_study(here: Path) -> None:
    options: dict[str, Any] = {"cmd": ["true"], "output_path": "out", "progress": False}
    await multirun(runs=RUNS[:2], **options)
    assert run_directories_in("out") == ["0", "1"]
    await multirun(runs=RUNS, keep="failed", resume=True, **options)
    assert run_directories_in("out") == []
    await multirun(runs=RUNS, keep="all", resume=True, **options)
    await multirun(runs=[{"x": 3}], resume=True, **options)
    assert run_directories_in("out") == ["3"]


async def test_what_cannot_be_removed_is_told_and_hurts_nobody(here: Path) -> None:
    ensemble = await made(*shell("[ {x} = 0 ] || exit 0; cd ..; mv 0 moved; ln -s /tmp 0"), keep="none")
    await ensemble.execute()
    assert run_directories_in("sweep") == ["0", "moved"]
    async with ensemble._looking() as look:
        events = [text for _, kind, text in await look.reader.events() if kind == "keep"]
    assert len(events) == 1
    assert events[0].startswith("the directory of run 0 cannot be removed: ")


async def test_a_run_by_hand_gets_its_directory_back(here: Path) -> None:
    (here / "table").write_text("numbers\n")
    ensemble = await made("cat", "table", runs=1, keep="results", input_files=["table"])
    await ensemble.execute()
    command = await ensemble.command_of(0)
    assert names_in("sweep/0") == ["params.json", "table"]
    assert json.loads((here / "sweep/0/params.json").read_text()) == {"x": 0}
    assert (command.directory, command.step) == (str(here / "sweep/0"), 0)


def test_the_command_line_has_it_too(here: Path) -> None:
    assert run_app(["run", "-q", "-o", "out", "--keep", "failed", "exit {}", ":::", "0", "3"]) == exits.FAILED
    assert run_directories_in("out") == ["1"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": "some"}, "keep must be 'all', 'failed', 'results' or 'none', not 'some'"),
        ({"keep": "none", "directory": "reuse"}, "must be new: leave directory='reuse' out"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        StudyOptions(cmd=["true"], **options)


async def test_a_runner_that_only_starts_commands_removes_nothing(here: Path) -> None:
    with pytest.raises(UsageError, match="cannot see to keep there"):
        await multirun(runs=[{}], cmd=["true"], runner=DebugRunner(), keep="none")
