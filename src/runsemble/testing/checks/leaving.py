"""A runner that was left holds nothing any more."""

from __future__ import annotations

import time

import anyio

from runsemble.model.status import Cause
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, sh

#: Seconds within which something happens that takes no time by itself.
_SOON_S = 5.0


@any_runner
async def nothing_is_left_after_gather(rig: Rig) -> None:
    """After `gather` no descriptor, thread, child, task or agent's directory is left, whatever the runs did."""
    runner = rig.make()
    for cmd in (sh("exit 0"), sh("exit 1"), sh("kill -9 $$"), ["/no/such/program"]):
        runner.add(cmd, rig.directory)
    await runner.gather()
    rig.require_no_process()
    left = await rig.wait_leftovers()
    require(not left, "; ".join(left))


@any_runner
async def nothing_is_left_after_a_study(rig: Rig) -> None:
    """After `multirun` no descriptor, thread, child, task or agent's directory is left."""
    await rig.study(rig.make(), [{"x": x} for x in range(5)], sh("exit $1", "{x}"))
    rig.require_no_process()
    left = await rig.wait_leftovers()
    require(not left, "; ".join(left))


@pooled_runner
async def leaving_ends_what_still_runs(rig: Rig) -> None:
    """Leaving the block ends running runs, skips pending ones, and returns when nothing of either lives."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        running = [await rig.start_at_gate(runner, gate) for _ in range(2)]
        waiting = [runner.add(sh("exit 0"), rig.directory) for _ in range(3)]
    rig.require_no_process()
    found = [(run.status, run.cause) for run in (*running, *waiting)]
    require_equal("ends", found, [("failure", Cause.CANCELLED)] * 2 + [("skipped", Cause.ABORTED)] * 3)


@pooled_runner
async def leaving_is_bounded(rig: Rig) -> None:
    """Runs that ignore TERM are killed after the grace period when the block is left."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        run = await rig.start_at_gate(runner, gate, first="trap '' TERM;")
    rig.require_no_process()
    require_equal("end", (run.status, run.cause, run.returncode), ("failure", Cause.CANCELLED, -9))


@pooled_runner
async def a_run_added_before_the_block_runs_in_it(rig: Rig) -> None:
    """A run that was added before the runner was entered starts when it is."""
    runner = rig.make_pooled()
    run = runner.add(sh("exit 0"), rig.directory)
    async with runner:
        with anyio.move_on_after(_SOON_S):
            await run
    require_equal("status", run.status, "success")


@pooled_runner
async def leaving_does_not_wait_for_what_never_started(rig: Rig) -> None:
    """A block that is left at once is left soon, whatever was added before."""
    runner = rig.make_pooled()
    run = runner.add(sh(WAIT_AT_GATE, rig.new_gate()), rig.directory)
    began = time.monotonic()
    async with runner:
        pass
    took_s = time.monotonic() - began
    require(took_s < _SOON_S, f"leaving took {took_s:.1f} s")
    require(run.status != "running", "the run is still running, it is said")


@pooled_runner
async def an_exception_in_the_block_is_passed_on(rig: Rig) -> None:
    """Leaving the block by an exception ends what runs, and the exception is the one that was raised."""
    gate = rig.new_gate()
    try:
        async with rig.make_pooled() as runner:
            await rig.start_at_gate(runner, gate)
            raise KeyError("the check's own")
    except KeyError as error:
        require_equal("exception", error.args, ("the check's own",))
    rig.require_no_process()


@pooled_runner
async def a_runner_can_be_entered_again(rig: Rig) -> None:
    """After it was left a runner can be used again, with a new agent."""
    runner = rig.make_pooled()
    for _ in range(2):
        async with runner, runner:
            run = await runner.add(sh("exit 0"), rig.directory)
            require_equal("status", run.status, "success")
        rig.require_no_process()
