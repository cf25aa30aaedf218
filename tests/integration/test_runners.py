"""Studies on the runners: one of the user's own, the one for debugging, one that is kept for several studies."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runsemble import (
    AbstractRunner,
    DebugRunner,
    FeedError,
    FileResource,
    MultirunResult,
    ParallelLocalRunner,
    Run,
    RunHandle,
    RunStatistics,
    UsageError,
    multirun,
    multirun_sync,
)
from runsemble.errors import RunnerClosed

from .conftest import RunStudy
from .support import PYTHON, Gate, own_agents, wait_until


class OwnRunner(AbstractRunner):
    """A runner as a user writes it: three methods, one process after another."""

    def __init__(self) -> None:
        self.todo: list[tuple[list[str], Path, RunHandle]] = []
        self.handles: list[RunHandle] = []

    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> RunHandle:
        handle = RunHandle()
        self.todo.append((list(cmd), cwd, handle))
        self.handles.append(handle)
        return handle

    async def gather(self) -> None:
        while self.todo:
            cmd, cwd, handle = self.todo.pop(0)
            handle.status = "running"
            process = await asyncio.create_subprocess_exec(*cmd, cwd=cwd)
            handle.returncode = await process.wait()
            handle.status = "success" if handle.returncode == 0 else "failure"

    def compute_statistics(self) -> RunStatistics:
        return RunStatistics.of(handle.status for handle in self.handles)


SQUARE = "from runsemble import getRunParams, postRunResults; postRunResults(getRunParams()['x'] ** 2)"


@pytest.mark.parametrize("make_runner", [OwnRunner, DebugRunner], ids=lambda kind: kind.__name__)
class TestARunnerWithThreeMethods:
    """What `multirun` does for a runner that only starts commands."""

    def test_runs_have_directories_inputs_and_parameters(
        self, study: RunStudy, here: Path, make_runner: type[AbstractRunner]
    ) -> None:
        (here / "table").write_text("data")
        script = "pwd > where; cat table > seen; cat params.json > params; echo {x} > arg"
        inputs = [FileResource("table", rename="table")]
        result = study("sh", "-c", script, runs=[{"x": 1}, {"x": 2}], runner=make_runner(), input_files=inputs)
        for run, x in zip(result, (1, 2), strict=True):
            assert run.status == "success"
            assert Path(run.run_dir, "where").read_text().strip() == run.run_dir
            assert Path(run.run_dir, "seen").read_text() == "data"
            assert Path(run.run_dir, "params").read_text() == f'{{"x":{x}}}'
            assert Path(run.run_dir, "arg").read_text() == f"{x}\n"

    def test_the_helpers_work_in_the_runs(self, study: RunStudy, make_runner: type[AbstractRunner]) -> None:
        result = study(PYTHON, "-c", SQUARE, runs=[{"x": 3}, {"x": 4}], runner=make_runner())
        assert result.results == [9, 16]

    def test_failures_are_told(self, study: RunStudy, make_runner: type[AbstractRunner]) -> None:
        result = study("sh", "-c", "exit {x}", runs=[{"x": 0}, {"x": 3}], runner=make_runner())
        assert [run.status for run in result] == ["success", "failure"]
        assert [str(run.cause) for run in result] == ["ok", "exit"]
        assert [run.returncode for run in result] == [0, 3]
        assert (result.statistics.success_count, result.statistics.failure_count) == (1, 1)

    def test_variables_reach_the_runs(self, study: RunStudy, make_runner: type[AbstractRunner]) -> None:
        script = 'printf %s "$GREETING" > said'
        result = study("sh", "-c", script, runs=[{"who": "a = b"}], runner=make_runner(), env={"GREETING": "hi {who}"})
        assert Path(result[0].run_dir, "said").read_text() == "hi a = b"

    def test_what_it_cannot_do_is_refused(self, study: RunStudy, here: Path, make_runner: type[AbstractRunner]) -> None:
        with pytest.raises(UsageError, match=f"{make_runner.__name__} only starts commands.*timeout_s.*leave it out"):
            study("true", runner=make_runner(), timeout_s=5)
        assert not (here / "out").exists()

    def test_runs_before_a_broken_feed_are_brought_back(
        self, study: RunStudy, make_runner: type[AbstractRunner]
    ) -> None:
        def feed() -> Iterator[dict[str, int]]:
            yield {"x": 0}
            yield {"x": 3}
            raise OSError("the source is gone")

        with pytest.raises(FeedError, match=r"index 2: OSError.*the source is gone") as caught:
            study("sh", "-c", "exit {x}", runs=feed(), runner=make_runner())
        assert [run.returncode for run in caught.value.result] == [0, 3]

    def test_it_may_be_used_again(self, study: RunStudy, make_runner: type[AbstractRunner]) -> None:
        runner = make_runner()
        assert study("true", runs=[{}] * 2, runner=runner).statistics.success_count == 2
        assert study("true", runs=[{}] * 3, runner=runner).statistics.success_count == 3
        assert runner.compute_statistics().total_count == 5


def test_runs_for_debugging_speak_to_the_callers_terminal(study: RunStudy, capfd: pytest.CaptureFixture[str]) -> None:
    study("sh", "-c", "echo out {x}; echo err {x} >&2", runs=[{"x": 1}, {"x": 2}], runner=DebugRunner())
    out, err = capfd.readouterr()
    assert out == "out 1\nout 2\n"
    assert err == "err 1\nerr 2\n"


def test_a_run_for_debugging_can_be_talked_to(study: RunStudy, here: Path) -> None:
    (here / "answers").write_text("first\nsecond\n")
    saved = os.dup(0)
    with open(here / "answers", "rb") as answers:
        os.dup2(answers.fileno(), 0)
        try:
            result = study("sh", "-c", "read line; echo $line > heard; cat > /dev/null", runner=DebugRunner())
        finally:
            os.dup2(saved, 0)
            os.close(saved)
    assert Path(result[0].run_dir, "heard").read_text() == "first\n"


def test_a_run_for_debugging_that_cannot_start_fails_and_the_others_go_on(
    study: RunStudy, capfd: pytest.CaptureFixture[str]
) -> None:
    result = study("{program}", runs=[{"program": "no-such-program"}, {"program": "true"}], runner=DebugRunner())
    assert [run.status for run in result] == ["failure", "success"]
    assert "no-such-program" in capfd.readouterr().err


class SkippingRunner(OwnRunner):
    """Runs nothing."""

    async def gather(self) -> None:
        for handle in self.handles:
            handle.status = "skipped"


def test_a_run_that_a_runner_skips_was_not_run(study: RunStudy) -> None:
    run = study("true", runner=SkippingRunner())[0]
    assert (run.status, run.message, run.attempts) == ("skipped", "not run", 0)


async def test_an_entered_runner_keeps_its_agent_between_studies(here: Path) -> None:
    async with ParallelLocalRunner() as runner:
        agents = own_agents()
        assert len(agents) == 1
        for number in range(3):
            result = await multirun(
                runs=[{}] * 4, cmd=["true"], output_path=f"out{number}", runner=runner, progress=False
            )
            assert result.statistics.success_count == 4
            assert own_agents() == agents
        assert runner.compute_statistics().success_count == 12
    assert own_agents() == []


async def test_two_studies_share_one_runner_and_its_slots(here: Path) -> None:
    gate = Gate(here / "gate")
    async with ParallelLocalRunner(max_parallel=2) as runner:

        async def one(name: str) -> list[str]:
            cmd = ["sh", "-c", f"mkdir ../../busy-{name}{{x}}; {gate.words}; rmdir ../../busy-{name}{{x}}; echo {{x}}"]
            runs = [{"x": x} for x in range(6)]
            result = await multirun(runs=runs, cmd=cmd, output_path=name, runner=runner, progress=False)
            return await asyncio.to_thread(lambda: [run.read_stdout().decode().strip() for run in result])

        def busy() -> int:
            return sum(name.startswith("busy-") for name in os.listdir(here))

        studies = [asyncio.create_task(one("a")), asyncio.create_task(one("b"))]
        await asyncio.to_thread(wait_until, "both slots are in use", lambda: busy() == 2)
        assert runner.pool.usage.runs == 2
        await asyncio.to_thread(gate.open)
        assert await asyncio.gather(*studies) == [list("012345"), list("012345")]
        assert len(own_agents()) <= 2


async def test_a_study_that_fails_leaves_another_on_the_same_runner_alone(here: Path) -> None:
    gate = Gate(here / "gate")
    async with ParallelLocalRunner(max_parallel=2) as runner:
        good = asyncio.create_task(
            multirun(
                runs=[{}], cmd=["sh", "-c", f"touch ../began; {gate.words}"], output_path="good", runner=runner,
                progress=False,
            )
        )  # fmt: skip
        await asyncio.to_thread(wait_until, "it runs", (here / "good/began").exists)
        with pytest.raises(UsageError):
            await multirun(runs=[{}], cmd=[], output_path="bad", runner=runner, progress=False)
        bad = asyncio.create_task(
            multirun(runs=[{}], cmd=["sleep", "1000"], output_path="bad", runner=runner, progress=False)
        )
        await asyncio.to_thread(wait_until, "both run", lambda: runner.pool.usage.runs == 2)
        bad.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bad
        await asyncio.to_thread(gate.open)
        assert (await good)[0].status == "success"


async def test_more_slots_than_cores_are_slots(here: Path) -> None:
    gate = Gate(here / "gate")
    count = 4 * (os.cpu_count() or 1)
    study = asyncio.create_task(
        multirun(
            runs=[{"x": x} for x in range(count)],
            cmd=["sh", "-c", f"touch ../{{x}}-began; {gate.words}"],
            output_path="out",
            runner=ParallelLocalRunner(max_parallel=count),
            progress=False,
        )
    )

    def began() -> int:
        return sum(name.endswith("-began") for name in os.listdir(here / "out")) if (here / "out").exists() else 0

    await asyncio.to_thread(wait_until, "all run at once", lambda: began() == count)
    await asyncio.to_thread(gate.open)
    assert (await study).statistics.success_count == count


async def test_user_code_takes_its_share_of_the_pool(here: Path) -> None:
    async with ParallelLocalRunner(max_parallel=1) as runner:
        async with runner.pool.acquire(cores=1):
            study = asyncio.create_task(
                multirun(runs=[{}], cmd=["true"], output_path="out", runner=runner, progress=False)
            )
            await asyncio.to_thread(wait_until, "the study has begun", (here / "out").exists)
            assert runner.pool.usage.runs == 1
            assert runner.compute_statistics().running_count == 0
        assert (await study)[0].status == "success"


def test_a_runner_that_was_not_entered_says_so() -> None:
    with pytest.raises(RunnerClosed, match="use `async with runner:`"):
        _ = ParallelLocalRunner().engine


async def test_leaving_the_block_ends_what_still_runs(here: Path) -> None:
    async with ParallelLocalRunner(grace_s=0.5) as runner:
        run = runner.add(["sh", "-c", "echo $$ > pid; sleep 1000"])
        await asyncio.to_thread(wait_until, "it runs", (here / "pid").exists)
        assert run.status == "running"
    assert (run.status, str(run.cause)) == ("failure", "cancelled")
    assert own_agents() == []


def test_the_interpreter_of_the_runs_is_the_drivers(study: RunStudy) -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("the tests do not run in a virtual environment")
    assert study("python", "-c", "import sys; print(sys.prefix)")[0].read_stdout().decode().strip() == sys.prefix


async def test_blocks_that_are_called_off_in_the_moment_they_could_begin_hold_no_study_up(here: Path) -> None:
    async with ParallelLocalRunner(max_parallel=1) as runner:

        async def block() -> None:
            async with runner.pool.acquire():
                await asyncio.sleep(0)

        async with runner.pool.acquire():
            blocks = [asyncio.create_task(block()) for _ in range(60)]  # more than a study may take in
            await asyncio.sleep(0)
            study = asyncio.create_task(
                multirun(runs=[{}] * 3, cmd=["true"], output_path="out", runner=runner, progress=False)
            )
            await asyncio.to_thread(wait_until, "the study waits for room", lambda: runner.engine.room_listeners)
        for task in blocks:
            task.cancel()
        result = await asyncio.wait_for(study, 10)
    assert result.statistics.success_count == 3


def test_a_runner_in_use_is_for_one_event_loop(here: Path) -> None:
    runner = ParallelLocalRunner()

    def run_one() -> MultirunResult:
        return multirun_sync(runs=[{}], cmd=["true"], output_path="out", runner=runner, progress=False)

    async def cell_of_a_notebook() -> None:
        async with runner:
            with pytest.raises(UsageError, match=r"in use in another event loop.*a runner of its own"):
                run_one()
            assert (await runner.add(["true"])).status == "success"
        assert not (here / "out").exists()
        assert run_one()[0].status == "success"

    asyncio.run(cell_of_a_notebook())


async def test_a_runner_in_use_is_steered_in_its_own_thread(here: Path) -> None:
    gate = Gate(here / "gate")
    async with ParallelLocalRunner() as runner:
        run = runner.add(["sh", "-c", gate.words])
        calls: list[Callable[[], object]] = [lambda: runner.add(["true"]), lambda: runner.cancel(run)]
        for call in calls:
            with pytest.raises(UsageError, match=r"in another thread: .*call_soon_threadsafe"):
                await asyncio.to_thread(call)
        gate.open()
        assert (await run).status == "success"
        assert len(runner.runs) == 1


def test_a_runner_that_was_deserted_by_its_event_loop_says_so(here: Path) -> None:
    runner = ParallelLocalRunner(pin=False)
    with asyncio.Runner() as loop:
        loop.run(runner.__aenter__())
        engine = runner.engine
        loop.run(engine.close("kill"))
    for call in (
        lambda: multirun_sync(runs=[{}], cmd=["true"], output_path="out", runner=runner, progress=False),
        lambda: asyncio.run(runner.gather()),
        lambda: runner.add(["true"]),
    ):
        with pytest.raises(UsageError, match="never left in an event loop that is closed now"):
            call()


def test_runs_are_added_in_one_event_loop_and_gathered_in_the_next(here: Path) -> None:
    runner = ParallelLocalRunner(output_path="out")
    for at in range(2):

        async def add(at: int = at) -> list[Run]:
            runs = [runner.add(["true"], params={"x": at}), runner.add(["true"])]
            if at == 0:  # the first kind is read from disk meanwhile
                await asyncio.to_thread(wait_until, "it is prepared", (here / "out").exists)
            return runs

        runs = asyncio.run(add())
        assert [run.status for run in runs] == ["pending"] * 2
        asyncio.run(runner.gather())
        assert [run.status for run in runs] == ["success"] * 2


def make_big(path: Path) -> None:
    """Make a file that takes a while to copy."""
    with open(path, "wb") as big:
        big.truncate(1 << 30)


async def test_a_runner_is_left_while_inputs_are_copied_and_entered_again(here: Path) -> None:
    make_big(here / "big")
    runner = ParallelLocalRunner(output_path="out")
    async with runner:
        first = runner.add(["true"], params={"x": 1}, input_files=["big"])
        await asyncio.to_thread(wait_until, "it is being copied", (here / "out/.shared/big").exists)
    assert (first.status, first.attempts) == ("skipped", 0)
    assert (here / "out/.shared/big").stat().st_size < 1 << 30
    (here / "small").write_text("some input")
    async with runner:
        second = await runner.add(["cat", "small"], params={"x": 2}, input_files=["small"])
    assert second.status == "success"


async def test_a_study_that_is_called_off_while_inputs_are_copied_leaves_nothing(here: Path) -> None:
    make_big(here / "big")
    study = asyncio.create_task(
        multirun(runs=[{}], cmd=["true"], input_files=["big"], output_path="out", progress=False)
    )
    await asyncio.to_thread(wait_until, "it is being copied", (here / "out/.shared/big").exists)
    study.cancel()
    with pytest.raises(asyncio.CancelledError):
        await study
    assert not (here / "out").exists()


async def test_runs_with_parameters_see_the_environment_of_their_time(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ParallelLocalRunner(output_path="out") as runner:
        runs = []
        for mode in ("old", "new"):
            monkeypatch.setenv("MODE", mode)
            runs.append(await runner.add(["sh", "-c", 'test "$MODE" = {mode}'], params={"mode": mode}))
    assert [run.returncode for run in runs] == [0, 0]


async def test_what_is_no_run_cannot_be_cancelled(here: Path) -> None:
    async with ParallelLocalRunner() as runner:
        for nonsense in (0, "0", None, [0]):
            with pytest.raises(UsageError, match="must be a run, runs, or a function"):
                runner.cancel(nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["input_files", "templates"])
def test_what_is_no_file_is_refused_when_it_is_added(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} must be paths.*not \\['a'\\]"):
        ParallelLocalRunner().add(["true"], params={}, **{name: [["a"]]})  # type: ignore[arg-type]


async def test_runs_of_different_commands_share_one_copy_of_an_input(here: Path) -> None:
    (here / "input").write_text("some input")
    async with ParallelLocalRunner(output_path="out") as runner:
        inputs = [FileResource("input", "shared")]
        runs = [runner.add(["sh", "-c", f"cat input; exit {x}"], params={"x": x}, input_files=inputs) for x in range(3)]
        await runner.gather()
    assert [run.returncode for run in runs] == [0, 1, 2]
    assert len({os.readlink(f"{run.run_dir}/input") for run in runs}) == 1


async def test_a_command_that_makes_no_sense_fails_alone(here: Path) -> None:
    (here / "model.py").touch()
    async with ParallelLocalRunner(output_path="out") as runner:
        bad = runner.add(["cat", "model.py"], params={"x": 1})
        good = runner.add(["true"], params={"x": 2})
        await runner.gather()
    assert (good.status, bad.status, str(bad.cause)) == ("success", "failure", "staging")
    assert "model.py" in bad.message


async def test_a_run_with_parameters_has_its_directory_already(here: Path) -> None:
    runner = ParallelLocalRunner()
    with pytest.raises(UsageError, match="leave out cwd='elsewhere'"):
        runner.add(["true"], "elsewhere", params={"x": 1})


async def test_a_local_runner_has_as_many_agents_as_it_is_told() -> None:
    async with ParallelLocalRunner(2, agents=3) as runner:
        assert len(set(runner.engine.agent_pids)) == 3
        run = runner.add(["true"])
        await run
        assert run.status == "success"
