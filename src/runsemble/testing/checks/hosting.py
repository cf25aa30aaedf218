"""Runs that were added belong to whoever entered the runner or gathers, and to nobody else who uses it."""

from __future__ import annotations

import asyncio

from runsemble.errors import UsageError
from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.run import Run
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal, wait_file
from runsemble.testing.rig import Rig, sh


@pooled_runner
async def a_study_does_not_start_what_was_added(rig: Rig) -> None:
    """Neither a study on a runner that nobody has entered starts the runs added to it, nor a block of its pool."""
    runner = rig.make_pooled()
    added = runner.add(sh("exit 0"), rig.directory)
    study = await rig.study(runner, [{}] * 3, sh("exit 0"))
    require_equal("runs of the study", [run.status for run in study], ["success"] * 3)
    async with runner.pool.acquire():
        pass
    require_equal("status of the run that was added", added.status, "pending")
    await runner.gather()
    require_equal("status of the run that was gathered", added.status, "success")


@pooled_runner
async def leaving_ends_added_runs_and_no_study(rig: Rig) -> None:
    """Whoever leaves the runner ends the runs that were added; a study that somebody else has on it goes on."""
    gate = rig.new_gate()
    runner = rig.make_pooled()
    async with runner:
        added = await rig.start_at_gate(runner, gate)
        directory = rig.new_dir()
        study = asyncio.create_task(rig.study(runner, [{}], sh(f"cd '{directory}'; {WAIT_AT_GATE}", gate)))
        await wait_file(directory, "started")
    require_equal("end of the run that was added", (added.status, added.cause), ("failure", Cause.CANCELLED))
    require(not study.done(), "the study has ended with it")
    gate.let_through()
    require_equal("end of the study", [run.status for run in await study], ["success"])


@pooled_runner
async def a_runner_is_entered_while_it_is_left(rig: Rig) -> None:
    """Whoever comes while the last one leaves waits until the agents are gone, and gets new ones."""
    runner = rig.make_pooled()

    async def use(times: int) -> int:
        good = 0
        for _ in range(times):
            async with runner:
                good += (await runner.add(sh("exit 0"), rig.directory)).status == "success"
        return good

    require_equal("runs that succeeded", await asyncio.gather(*(use(4) for _ in range(3))), [4] * 3)
    require(not runner.is_running, "the agents are still there")


@pooled_runner
async def a_failed_run_that_is_called_off_has_failed(rig: Rig) -> None:
    """A run that has failed and waits for its next attempt is no run that was skipped."""
    gate = rig.new_gate()
    async with rig.make_pooled(max_parallel=1, output_path=rig.directory / "out") as runner:
        directory = rig.new_dir()

        def hear(event: events.Event) -> None:
            if isinstance(event, events.RunRetried):
                asyncio.get_running_loop().call_soon(runner.cancel, run)

        runner.listen(hear)
        run = runner.add(sh("exit 3"), rig.directory, retries=1)
        runner.add(sh(WAIT_AT_GATE, gate), directory)  # its turn comes before the second attempt's
        await wait_file(directory, "started")
        gate.let_through()
        await runner.gather()
    require_equal("end", (run.status, run.cause, run.returncode, run.attempts), ("failure", Cause.EXIT, 3, 1))


@pooled_runner
async def only_its_own_runs_can_be_cancelled(rig: Rig) -> None:
    """Asking a runner to end the run of another is a mistake, and ends nothing."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner, rig.make_pooled() as other:
        run = await rig.start_at_gate(runner, gate)
        for which, how in ((run, "stop"), (run, "politely")):
            try:
                (other if how == "stop" else runner).cancel(which, how=how)
            except UsageError as error:
                require(str(run.id) in str(error) or how in str(error), f"the error is {error}")
            else:
                raise AssertionError(f"a run was cancelled by another runner, or {how}")
        gate.let_through()
        await run
    require_equal("status", run.status, "success")


@pooled_runner
async def whoever_gathers_is_not_left_alone(rig: Rig) -> None:
    """A run that somebody gathers is not ended by another's leaving, although a third is about to enter just then."""
    gate = rig.new_gate()
    runner = rig.make_pooled()
    directory = rig.new_dir()

    async def enter() -> None:
        async with runner:
            await wait_file(directory, "started")

    async def gather() -> Run:
        run = runner.add(sh(WAIT_AT_GATE, gate), directory)
        await runner.gather()
        return run

    async with runner:
        entering = asyncio.create_task(enter())
        await asyncio.sleep(0)
        gathering = asyncio.create_task(gather())
        await asyncio.sleep(0)
    await entering
    gate.let_through()
    require_equal("status", (await gathering).status, "success")


@pooled_runner
async def a_run_added_while_another_gather_ends_is_kept(rig: Rig) -> None:
    """At whatever moment of somebody else's `gather` a run is added, it is there for a `gather` of its own."""
    for turns in range(12):
        runner = rig.make_pooled(output_path=rig.new_path())
        first = runner.add(sh("exit 0"), params={"x": 1})

        async def add_later(runner: PooledRunner = runner, first: Run = first, turns: int = turns) -> Run:
            await first
            for _ in range(turns):
                await asyncio.sleep(0)
            run = runner.add(sh("exit 0 # another command"), params={"x": 2})
            await runner.gather()
            return run

        other = asyncio.create_task(add_later())
        await runner.gather()
        run = await other
        require_equal(f"status of a run added {turns} turns later", (run.status, run.message), ("success", "ok"))
