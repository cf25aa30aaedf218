"""Karana's runners and the runs added to them: what scripts do with `add`, `gather`, tasks and attributes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from runsemble.compat import karana
from runsemble.errors import InputFileError

from .support import Gate, wait_until


@pytest.fixture(autouse=True)
def no_bar(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_RUN_ID", "")


async def wait_for(what: str, look: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, what, look)


async def started(runner: karana.ParallelLocalRunner, count: int = 1) -> None:
    await wait_for("runs are running", lambda: runner.computeStatistics().running_count == count)


# gather


async def test_gather_waits_for_the_runs_of_studies(gate: Gate) -> None:
    runner = karana.ParallelLocalRunner()
    study = asyncio.create_task(karana.multirunAsync(runs=[{}] * 2, cmd=["sh", "-c", gate.words], runner=runner))
    await started(runner, 2)
    gathering = asyncio.create_task(runner.gather())
    await asyncio.sleep(0)
    runner.add(["true"])
    await wait_for("the added run has ended", lambda: runner.computeStatistics().success_count == 1)
    assert not gathering.done()
    await asyncio.to_thread(gate.open)
    await gathering
    assert [run.status for run in runner.runs] == ["success"] * 3
    await study


async def test_cancelling_gather_ends_the_added_runs() -> None:
    runner = karana.ParallelLocalRunner(max_parallel=1)
    runs = [runner.add(["sleep", "60"]), runner.add(["sleep", "60"])]
    gathering = asyncio.create_task(runner.gather())
    await started(runner)
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    assert [run.status for run in runs] == ["failure", "skipped"]


async def test_cancelling_gather_at_once_skips_the_added_runs() -> None:
    runner = karana.ParallelLocalRunner()
    run = runner.add(["sleep", "60"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await runner.gather()
    assert run.status == "skipped"


async def test_the_runs_go_on_as_long_as_somebody_gathers(gate: Gate) -> None:
    runner = karana.ParallelLocalRunner()
    run = runner.add(["sh", "-c", gate.words])
    first, second = asyncio.create_task(runner.gather()), asyncio.create_task(runner.gather())
    await started(runner)
    first.cancel()
    await asyncio.wait([first])
    assert run.status == "running"
    await asyncio.to_thread(gate.open)
    await second
    assert (first.cancelled(), run.status) == (True, "success")


async def test_after_a_cancelled_gather_runs_can_be_added() -> None:
    runner = karana.ParallelLocalRunner()
    runner.add(["sleep", "60"])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await runner.gather()
    run = runner.add(["true"])
    await runner.gather()
    assert run.status == "success"


def test_added_runs_end_with_their_event_loop() -> None:
    runner = karana.ParallelLocalRunner()

    async def add() -> karana.Run:
        run = runner.add(["sleep", "60"])
        await started(runner)
        return run

    assert asyncio.run(add()).status == "failure"


def test_a_runner_serves_one_event_loop_after_another() -> None:
    runner = karana.ParallelLocalRunner()

    async def work() -> karana.Run:
        run = runner.add(["true"])
        await runner.gather()
        return run

    first = asyncio.run(work())
    asyncio.run(runner.gather())
    second = asyncio.run(work())
    asyncio.run(runner.gather())
    assert (first.status, second.status) == ("success", "success")


# Tasks


async def test_cancelling_a_task_ends_its_run() -> None:
    runner = karana.ParallelLocalRunner()
    run = runner.add(["sleep", "60"])
    task = run.task
    assert task is not None
    await started(runner)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.status == "failure"
    assert run.task is task
    assert task.cancelled()
    await runner.gather()


async def test_cancelling_a_task_before_it_has_begun_skips_its_run() -> None:
    runner = karana.ParallelLocalRunner()
    run = runner.add(["sleep", "60"])
    assert run.task is not None
    run.task.cancel()
    await runner.gather()
    assert (run.status, run.task.cancelled()) == ("skipped", True)


async def test_the_task_of_a_run_that_has_ended_is_done() -> None:
    runner = karana.ParallelLocalRunner()
    await karana.multirunAsync(runs=[{}], cmd=["true"], runner=runner)
    (run,) = runner.runs
    assert run.task is not None
    assert run.task.done()
    assert await run.task is run
    assert run.task is run.task


def test_a_run_of_ordinary_code_has_a_task_where_there_is_an_event_loop() -> None:
    runner = karana.ParallelLocalRunner()
    karana.multirun(runs=[{}], cmd=["true"], runner=runner)
    (run,) = runner.runs

    async def look() -> bool:
        assert run.task is not None
        await asyncio.gather(run.task)
        return run.task.done()

    assert [asyncio.run(look()) for _ in range(2)] == [True, True]


async def test_the_task_of_a_run_may_be_replaced() -> None:
    run = karana.ParallelLocalRunner().add(["true"])
    task = run.task
    assert task is not None
    run.task = mine = asyncio.create_task(asyncio.wait_for(task, 20))
    await mine
    assert run.task is mine


# Event loops side by side


def test_ordinary_code_may_use_the_runner_whose_event_loop_stands_still() -> None:
    runner = karana.ParallelLocalRunner(max_parallel=2)

    async def cells() -> None:
        first = runner.add(["true"])
        assert first.task is not None
        await first.task
        karana.multirun(runs=[{}] * 3, cmd=["true"], runner=runner)
        last = runner.add(["true"])
        assert last.task is not None
        await last.task
        assert (runner.runs[0], runner.runs[-1]) == (first, last)
        await runner.gather()

    asyncio.run(cells())
    assert [run.status for run in runner.runs] == ["success"] * 5
    assert runner.computeStatistics().success_count == 5


async def test_a_run_added_in_another_thread_starts_with_gather() -> None:
    runner = karana.ParallelLocalRunner()
    first = runner.add(["true"])
    second = await asyncio.to_thread(runner.add, ["true"])
    await runner.gather()
    assert (first.status, second.status) == ("success", "success")


# Attributes


def test_a_run_of_ones_own_is_made_and_printed_as_a_dataclass() -> None:
    run = karana.Run(status="running")
    run.status = "success"
    assert repr(run) == "Run(task=None, status='success')"
    assert repr(karana.ParallelLocalRunner().add(["true"])) == "Run(task=None, status='pending')"


def test_the_status_of_our_runs_cannot_be_set() -> None:
    run = karana.ParallelLocalRunner().add(["true"])
    with pytest.raises(AttributeError, match=r"cannot be set to 'skipped'; .* use run\.task\.cancel\(\)"):
        run.status = "skipped"


async def test_what_an_added_run_wrote_can_be_read() -> None:
    runner = karana.ParallelLocalRunner()
    run = runner.add(["sh", "-c", "echo out; echo err >&2; exit 3"])
    await runner.gather()
    assert run.read_stdout().split() == [b"out", b"err"]  # type: ignore[attr-defined]
    assert run.read_stderr(tail=4) == b"err\n"  # type: ignore[attr-defined]
    assert (run.message, run.returncode, run.result) == ("exit code 3", 3, None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["set", "clear"])
async def test_runs_may_be_forgotten(how: str) -> None:
    runner = karana.ParallelLocalRunner()
    await karana.multirunAsync(runs=[{}] * 2, cmd=["true"], runner=runner)
    if how == "set":
        runner.runs = []
    else:
        runner.runs.clear()
    assert runner.computeStatistics() == karana.RunStatistics()
    run = runner.add(["true"])
    await runner.gather()
    assert runner.runs == [run]
    assert runner.computeStatistics().total_count == 1


def test_the_semaphore_cannot_be_replaced() -> None:
    runner = karana.ParallelLocalRunner()
    with pytest.raises(AttributeError, match=r"ParallelLocalRunner\(max_parallel=1\)"):
        runner.semaphore = asyncio.Semaphore(1)


async def test_the_semaphore_tells_whether_there_is_room(gate: Gate) -> None:
    runner = karana.ParallelLocalRunner(max_parallel=2)
    assert not runner.semaphore.locked()
    async with runner.semaphore:
        assert not runner.semaphore.locked()
        runner.add(["sh", "-c", gate.words])
        await started(runner)
        assert runner.semaphore.locked()
    await asyncio.to_thread(gate.open)
    await runner.gather()
    assert not runner.semaphore.locked()


def test_an_input_file_may_be_changed_before_it_is_used(here: Path) -> None:
    Path("a.txt").write_text("a")
    file = karana.FileResource("a.txt")
    file.linkage, file.rename = "copy", "b.txt"
    assert repr(file) == "FileResource(path='a.txt', linkage='copy', rename='b.txt')"
    karana.multirun(runs=[{}], cmd=["true"], input_files=[file], output_path="out")
    assert not (here / "out/0/b.txt").is_symlink()
    file.linkage = "hard"  # type: ignore[assignment]
    with pytest.raises(InputFileError, match="linkage must be"):
        karana.multirun(runs=[{}], cmd=["true"], input_files=[file])


# Studies


async def test_what_the_parameter_sets_raise_is_raised() -> None:
    class Theirs(Exception):
        pass

    cause = KeyError("below")

    def runs() -> object:
        yield {}
        raise Theirs("mine") from cause

    with pytest.raises(Theirs, match="mine") as caught:
        await karana.multirunAsync(runs=runs(), cmd=["true"])  # type: ignore[arg-type]
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("name", ["multirun", "multirunAsync"])
def test_a_wrong_call_is_told_which_function_was_called(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) takes 0 positional"):
        getattr(karana, name)([{}], ["true"])


async def test_a_runner_that_gathers_in_its_own_way_is_asked_to() -> None:
    class Noting(karana.ParallelLocalRunner):
        noted = 0

        async def gather(self) -> None:
            await asyncio.gather(super().gather(), karana.displayStatus(self))
            self.noted += 1

    runner = Noting()
    async with asyncio.timeout(20):
        result = await karana.multirunAsync(runs=[{}] * 3, cmd=["true"], runner=runner)
        await karana.multirunAsync(runs=[], cmd=["true"], output_path="none", runner=runner)
    assert [run.status for run in result] == ["success"] * 3
    assert runner.noted == 2
