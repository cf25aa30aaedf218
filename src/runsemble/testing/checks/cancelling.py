"""A run can be cancelled at any time of its life."""

from __future__ import annotations

import asyncio
import signal

from runsemble.model.status import Cause
from runsemble.testing.files import exists
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, sh

#: After how many turns of the event loop a run is cancelled that has just been added.
_TURNS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30)


@pooled_runner
async def a_run_cancelled_before_gather_never_starts(rig: Rig) -> None:
    """A run that is cancelled while nothing could start it is skipped; the others run."""
    runner = rig.make_pooled()
    doomed = runner.add(sh(": > doomed"), rig.directory)
    other = runner.add(sh("exit 0"), rig.directory)
    runner.cancel(doomed)
    await runner.gather()
    require_equal("statuses", (doomed.status, other.status), ("skipped", "success"))
    require(not exists(rig.directory, "doomed"), "the run was started")


@pooled_runner
async def a_run_cancelled_in_the_queue_never_starts(rig: Rig) -> None:
    """A run that is cancelled while it waits for its turn is skipped; those around it run."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        blockers = [await rig.start_at_gate(runner, gate) for _ in range(2)]
        doomed = runner.add(sh(": > doomed"), rig.directory)
        later = runner.add(sh("exit 0"), rig.directory)
        runner.cancel(doomed)
        await doomed
        require_equal("status while it would have waited", doomed.status, "skipped")
        gate.let_through(2)
        await runner.gather()
    require_equal("statuses", [run.status for run in (*blockers, later)], ["success"] * 3)
    require_equal("attempts of a run that never started", doomed.attempts, 0)
    require(not exists(rig.directory, "doomed"), "the run was started")


@pooled_runner
async def a_run_cancelled_while_it_starts_leaves_nothing(rig: Rig) -> None:
    """A run that is cancelled within moments of being added ends, and nothing of it lives on."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        for turns in _TURNS:
            run = runner.add(sh(WAIT_AT_GATE, gate), rig.new_dir())
            for _ in range(turns):
                await asyncio.sleep(0)
            runner.cancel(run)
            await run
            require(run.status in ("skipped", "failure"), f"cancelled after {turns} turns, the run is {run.status}")
            if run.status == "failure":
                require_equal("cause", run.cause, Cause.KILLED)
            alive = rig.run_processes(runner)
            require(not alive, f"cancelled after {turns} turns, the run left processes {alive}")


@pooled_runner
async def a_running_run_can_be_cancelled(rig: Rig) -> None:
    """A run that is cancelled is sent TERM, has failed with the cause ``killed``, and is not tried again."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        run = await rig.start_at_gate(runner, gate, retries=3)
        runner.cancel(run)
        runner.cancel(run)
        await run
    found = (run.status, run.cause, run.returncode, run.attempts)
    require_equal("end", found, ("failure", Cause.KILLED, -signal.SIGTERM, 1))


@pooled_runner
async def a_cancelled_run_may_clean_up(rig: Rig) -> None:
    """A run that handles TERM has the grace period to do so; one that is killed has not."""
    gate = rig.new_gate()
    async with rig.make_pooled(grace_s=20.0) as runner:
        for how, wanted in (("stop", 9), ("kill", -signal.SIGKILL)):
            run = await rig.start_at_gate(runner, gate, first="trap ': > cleaned; exit 9' TERM;")
            runner.cancel(run, how=how)
            await run
            found = (run.cause, run.returncode, exists(run.run_dir, "cleaned"))
            require_equal(f"end by {how!r}", found, (Cause.KILLED, wanted, how == "stop"))


@pooled_runner
async def cancelling_an_ended_run_changes_nothing(rig: Rig) -> None:
    """Cancelling a run that has ended is without effect."""
    async with rig.make_pooled() as runner:
        run = await runner.add(sh("exit 0"), rig.directory)
        runner.cancel(run)
        runner.cancel(run, how="kill")
        await runner.add(sh("exit 0"), rig.directory)
    runner.cancel(run)
    require_equal("status and cause", (run.status, run.cause), ("success", Cause.OK))
