"""`gather` waits for everything that was added, whenever that was."""

from __future__ import annotations

import asyncio

import anyio

from runsemble.model import events
from runsemble.model.stats import RunStatistics
from runsemble.testing.files import read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal, wait_file, wait_until
from runsemble.testing.rig import Rig, sh


@any_runner
async def a_new_run_is_pending(rig: Rig) -> None:
    """`add` returns at once; until `gather` the run is pending, without a return code."""
    runner = rig.make()
    run = runner.add(sh("exit 0"), rig.directory)
    require_equal("status and return code", (run.status, run.returncode), ("pending", None))
    require_equal("statistics", runner.compute_statistics(), RunStatistics(pending_count=1, total_count=1))
    await runner.gather()
    wanted = RunStatistics(success_count=1, complete_count=1, total_count=1)
    require_equal("statistics after gather", runner.compute_statistics(), wanted)


@any_runner
async def zero_runs_are_gathered(rig: Rig) -> None:
    """With nothing to run, `gather` returns, and a study is empty."""
    runner = rig.make()
    await runner.gather()
    require_equal("statistics", runner.compute_statistics(), RunStatistics())
    result = await rig.study(rig.make(), [], sh("exit 0"))
    require_equal("runs of an empty study", len(result), 0)


@any_runner
async def gather_can_be_called_again(rig: Rig) -> None:
    """After a `gather` further runs can be added and gathered; those of before do not run again."""
    runner = rig.make()
    first = runner.add(sh("echo once >> first"), rig.directory)
    await runner.gather()
    await runner.gather()
    second = runner.add(sh("exit 2"), rig.directory)
    await runner.gather()
    require_equal("statuses", (first.status, second.status), ("success", "failure"))
    require_equal("executions of the first run", read(rig.directory, "first"), "once\n")
    require_equal("total", runner.compute_statistics().total_count, 2)


@any_runner
async def a_run_added_during_gather_is_gathered(rig: Rig) -> None:
    """`gather` waits for runs that are added while it waits."""
    runner = rig.make()
    gate, directory = rig.new_gate(), rig.new_dir()
    first = runner.add(sh(WAIT_AT_GATE, gate), directory)
    gathering = asyncio.create_task(runner.gather())
    await wait_file(directory, "started")
    second = runner.add(sh("exit 0"), rig.directory)
    require(not gathering.done(), "gather has returned while a run was at work")
    gate.let_through()
    await gathering
    require_equal("statuses", (first.status, second.status), ("success", "success"))


@pooled_runner
async def a_run_added_when_another_ends_is_gathered(rig: Rig) -> None:
    """A listener may add runs while it hears of the end of the last one; `gather` waits for them."""
    runner = rig.make_pooled()

    def hear(event: events.Event) -> None:
        if isinstance(event, events.RunEnded) and len(runner.runs) < 5:
            runner.add(sh("exit 0"), rig.directory)

    runner.listen(hear)
    runner.add(sh("exit 0"), rig.directory)
    await runner.gather()
    require_equal("statuses", [run.status for run in runner.runs], ["success"] * 5)


@pooled_runner
async def two_can_gather_at_once(rig: Rig) -> None:
    """Every one of several `gather` calls returns when all runs have ended, and not before."""
    runner = rig.make_pooled()
    gate = rig.new_gate()
    runs = [runner.add(sh(WAIT_AT_GATE, gate), rig.new_dir()) for _ in range(2)]

    async def gather() -> list[str]:
        await runner.gather()
        return [run.status for run in runs]

    gathering = [asyncio.create_task(gather()) for _ in range(2)]
    for run in runs:
        await wait_file(run.run_dir, "started")
    gate.let_through(2)
    require_equal("statuses as each saw them", await asyncio.gather(*gathering), [["success"] * 2] * 2)


@pooled_runner
async def giving_up_on_a_run_does_not_end_it(rig: Rig) -> None:
    """Cancelling what awaits a run leaves the run alone."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        run = runner.add(sh(WAIT_AT_GATE, gate), rig.directory)
        await wait_until(lambda: run.status == "running", "the run to be running")
        given_up = run.task
        assert given_up is not None
        other = asyncio.ensure_future(run)
        given_up.cancel()
        with anyio.move_on_after(0.01):
            await run
        require_equal("status", run.status, "running")
        gate.let_through()
        task = run.task
        assert task is not None
        require_equal("what its task returns, after another was cancelled", await task, run)
        require_equal("what somebody else was told", await other, run)
    require_equal("status in the end", run.status, "success")


@pooled_runner
async def a_run_can_be_awaited(rig: Rig) -> None:
    """Awaiting a run, or its task, waits for its end and returns it; how it ended is no exception."""
    async with rig.make_pooled() as runner:
        run = runner.add(sh("exit 3"), rig.directory)
        require_equal("what awaiting returns", await run, run)
        require_equal("return code", run.returncode, 3)
        task = run.task
        assert task is not None
        require_equal("what its task returns", await task, run)
