"""A program can watch its runs end, add more, and call others off."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import Any

from runsemble.errors import UsageError
from runsemble.model.status import Cause
from runsemble.runners.run import Run
from runsemble.testing.files import read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, sh

_POST_DOUBLE = "import runsemble; runsemble.post_run_results(2 * runsemble.get_run_params()['x'])"
_REPORT = "import runsemble; [runsemble.report(step=n, x=runsemble.get_run_params()['x']) for n in range(3)]"


@pooled_runner
async def a_run_added_with_parameters_has_its_own_directory(rig: Rig) -> None:
    """With parameters a run is made as `multirun` would: a new directory, inputs, placeholders, a result."""
    (rig.directory / "input").write_text("some input")
    (rig.directory / "deck").write_text("x = %%x%%\n")
    out = rig.directory / "out"
    command = [sys.executable, "-c", _POST_DOUBLE, "{x}"]
    async with rig.make_pooled(output_path=out) as runner:
        files: dict[str, Any] = {"input_files": [rig.directory / "input"], "templates": [rig.directory / "deck"]}
        runs = [runner.add(command, params={"x": x}, **files) for x in (1, 2)]
        await runner.gather()
    require_equal("results", [run.result for run in runs], [2, 4])
    require_equal("parameters", [run.params for run in runs], [{"x": 1}, {"x": 2}])
    require_equal("directories", [run.run_dir for run in runs], [str(out / "0"), str(out / "1")])
    require_equal("inputs", [read(run.run_dir, "input") for run in runs], ["some input"] * 2)
    require_equal("templates", [read(run.run_dir, "deck") for run in runs], ["x = 1\n", "x = 2\n"])


@pooled_runner
async def runs_added_before_the_start_wait_for_it(rig: Rig) -> None:
    """Runs may be added with parameters before the runner is entered, or to one that never is."""
    runner = rig.make_pooled(output_path=rig.directory / "out")
    first = runner.add(sh("exit {x}"), params={"x": 0})
    require_equal("status before the start", first.status, "pending")
    async with runner:
        await first
    second = runner.add(sh("exit {x}"), params={"x": 3})
    await runner.gather()
    require_equal("ends", (first.returncode, second.returncode), (0, 3))


@pooled_runner
async def an_input_that_is_missing_fails_the_runs_that_need_it(rig: Rig) -> None:
    """A missing input is a failure of these runs, told in a sentence; runs of another kind are not held up."""
    async with rig.make_pooled(output_path=rig.directory / "out") as runner:
        missing = [runner.add(sh("exit 0"), params={"x": x}, input_files=["no-such-file"]) for x in range(2)]
        good = runner.add(sh("exit 0"), params={"x": 2})
        ended = [run.id async for run in runner.completed()]
    require_equal("ends that were told", sorted(ended), [0, 1, 2])
    for run in missing:
        require_equal("end", (run.status, run.cause, run.attempts), ("failure", Cause.STAGING, 1))
        require("no-such-file" in run.message, f"the message is {run.message!r}")
    require_equal("status of the other run", good.status, "success")


@pooled_runner
async def a_placeholder_that_does_not_fit_is_an_error_of_the_call(rig: Rig) -> None:
    """What is wrong with a run whose kind is known is raised by `add`, and leaves no run behind."""
    async with rig.make_pooled(output_path=rig.directory / "out") as runner:
        await runner.add(sh("exit 0", "{size}"), params={"size": 1})
        try:
            runner.add(sh("exit 0", "{size}"), params={"sizes": 1})
        except UsageError as error:
            require("size" in str(error), f"the error is {error}")
        else:
            raise AssertionError("a misspelt parameter was accepted")
        require_equal("runs", len(runner.runs), 1)
        require_equal("runs counted", runner.compute_statistics().total_count, 1)


@pooled_runner
async def completed_yields_every_run_once(rig: Rig) -> None:
    """Runs are yielded as they end, those included that had ended before and those that the body adds."""
    seen: list[int] = []
    async with rig.make_pooled() as runner:
        await runner.add(sh("exit 0"), rig.directory)
        for code in (1, 0):
            runner.add(sh(f"exit {code}"), rig.directory)
        async for run in runner.completed():
            require(run.is_done, f"run {run.id} is {run.status}")
            seen.append(run.id)
            if len(runner.runs) < 8:
                runner.add(sh("exit 0"), rig.directory)
        again = [run.id async for run in runner.completed()]
    require_equal("runs that were yielded", sorted(seen), list(range(len(runner.runs))))
    require_equal("runs", len(runner.runs), 8)
    require_equal("runs that were yielded again", again, [])


@pooled_runner
async def completed_of_nothing_ends_at_once(rig: Rig) -> None:
    """Where nothing was added there is nothing to wait for."""
    async with rig.make_pooled() as runner:
        require_equal("runs", [run async for run in runner.completed()], [])
        require_equal("reports", [report async for report in runner.metrics()], [])


@pooled_runner
async def completed_sees_the_runs_of_studies(rig: Rig) -> None:
    """Runs of a study on the same runner are yielded as well, and the loop goes on as long as it does."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        blocker = await rig.start_at_gate(runner, gate)
        study = asyncio.create_task(rig.study(runner, [{"x": x} for x in range(5)], sh("exit 0")))
        seen: list[Run] = []
        async for run in runner.completed():
            seen.append(run)
            if len(seen) == 5:
                gate.let_through()
        result = await study
    require_equal("runs", len(seen), 6)
    require(blocker in seen and all(run in seen for run in result), "some run was not yielded")


@pooled_runner
async def loops_side_by_side_share_runs_out(rig: Rig) -> None:
    """Several loops see every run once among them, those of a study included, however slow a body is."""
    seen: list[tuple[Run, str]] = []
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        blocker = await rig.start_at_gate(runner, gate)
        study = asyncio.create_task(rig.study(runner, [{"x": x} for x in range(8)], sh("exit 0")))

        async def loop(name: str) -> None:
            async for run in runner.completed():
                seen.append((run, name))
                if name == "slow":
                    await study

        loops = [asyncio.create_task(loop(name)) for name in ("slow", "quick")]
        result = await study
        gate.let_through()
        await asyncio.gather(*loops)
    require_equal("runs", len(seen), 9)
    require_equal("different runs", len({run for run, _ in seen}), 9)
    require(all(run in {run for run, _ in seen} for run in (blocker, *result)), "some run was not yielded")


@pooled_runner
async def leaving_one_loop_disturbs_no_other(rig: Rig) -> None:
    """A loop that is called off takes nothing from another one."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        await runner.add(sh("exit 0"), rig.directory)
        late = await rig.start_at_gate(runner, gate)
        async with aclosing(runner.completed()) as first:
            await anext(first)
            waiting = asyncio.ensure_future(anext(runner.completed()))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            gate.let_through()
            require_equal("what the other loop yields", await anext(first), late)


@pooled_runner
async def a_loop_over_completed_can_be_left(rig: Rig) -> None:
    """Leaving the loop early disturbs no run; the next loop yields what is left."""
    async with rig.make_pooled() as runner:
        runs = [runner.add(sh("exit 0"), rig.directory) for _ in range(4)]
        async with aclosing(runner.completed()) as completed:
            first = await anext(completed)
        rest = [run async for run in runner.completed()]
    require_equal("runs", sorted(run.id for run in (first, *rest)), [run.id for run in runs])


@pooled_runner
async def runs_are_cancelled_by_a_condition(rig: Rig) -> None:
    """`cancel` with a condition ends those that fulfil it, waits for them, and leaves the others alone."""
    gate, own = rig.new_gate(), rig.new_gate()
    async with rig.make_pooled(output_path=rig.directory / "out") as runner:
        runs = [runner.add(sh(WAIT_AT_GATE, own if x % 2 else gate), params={"x": x}) for x in range(6)]
        cancelled = await runner.cancel(lambda run: run.params["x"] % 2 == 1)
        require_equal("runs that were cancelled", [run.params["x"] for run in cancelled], [1, 3, 5])
        require(all(run.is_done for run in cancelled), "not all of them had ended")
        gate.let_through(3)
        await runner.gather()
        require_equal("runs cancelled afterwards", await runner.cancel(lambda run: True), [])
    require_equal("others", [run.status for run in runs[::2]], ["success"] * 3)
    for run in runs[1::2]:
        require(run.cause in (Cause.KILLED, Cause.ABORTED), f"run {run.id} ended as {run.cause}")


@pooled_runner
async def a_condition_that_raises_cancels_nothing(rig: Rig) -> None:
    """When the condition raises, nothing has been cancelled."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        runs = [runner.add(sh(WAIT_AT_GATE, gate), rig.directory) for _ in range(3)]
        try:
            runner.cancel(lambda run: run.id == 0 or 1 // (run.id - 1) > 0)
        except ZeroDivisionError:
            pass
        else:
            raise AssertionError("what the condition raised was swallowed")
        gate.let_through(3)
        await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success"] * 3)


@pooled_runner
async def metrics_arrive_while_runs_are_under_way(rig: Rig) -> None:
    """Figures come with the run that reported them, in its order, and end when nothing is left that could report."""
    command = [sys.executable, "-c", _REPORT]
    async with rig.make_pooled(output_path=rig.directory / "out") as runner:
        for x in (7, 8):
            runner.add(command, params={"x": x})
        told = [(report.run.params["x"], report.step, report.metrics) async for report in runner.metrics()]
    for x in (7, 8):
        require_equal("reports", [item for item in told if item[0] == x], [(x, step, {"x": x}) for step in range(3)])


@pooled_runner
async def metrics_go_on_while_somebody_may_add_more(rig: Rig) -> None:
    """A loop over metrics is not over while the body of a loop over `completed` is at work."""
    command = [sys.executable, "-c", _REPORT]
    async with rig.make_pooled(output_path=rig.directory / "out") as runner:
        runner.add(command, params={"x": 0})

        async def count() -> int:
            return len([report async for report in runner.metrics()])

        counting = asyncio.create_task(count())
        async for run in runner.completed():
            await asyncio.sleep(0.05)  # the loop over metrics has every occasion to end too early
            if run.params["x"] < 2:
                runner.add(command, params={"x": run.params["x"] + 1})
        require_equal("reports", await asyncio.wait_for(counting, 10), 9)


@pooled_runner
async def steering_ends_with_the_block(rig: Rig) -> None:
    """Leaving the block of the runner ends the runs, and with them loops that wait for them elsewhere."""
    gate = rig.new_gate()
    runner = rig.make_pooled()

    async def collect() -> list[Run]:
        return [run async for run in runner.completed()]

    async with runner:
        run = await rig.start_at_gate(runner, gate)
        collecting = asyncio.create_task(collect())
        await asyncio.sleep(0)
    require_equal("runs", await asyncio.wait_for(collecting, 10), [run])
