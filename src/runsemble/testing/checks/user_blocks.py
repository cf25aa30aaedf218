"""User code takes its share of the pool in the same queue as the runs."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, python, sh
from runsemble.testing.stamps import STAMP, Stamp

#: Turns of the event loop that everything has which could go wrong.
_TURNS = 50


@pooled_runner
async def a_block_that_holds_all_cores_excludes_runs(rig: Rig) -> None:
    """While a block holds every core no run starts; those that wait start when it is left."""
    async with rig.make_pooled(cores=2, max_parallel=None) as runner:
        async with runner.pool.acquire(cores=2) as grant:
            require_equal("cores granted", len(set(grant.cores)), 2)
            runs = [runner.add(python(STAMP, rig.directory / str(at), "0"), rig.directory) for at in range(3)]
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            require_equal("running", runner.compute_statistics().running_count, 0)
            left_at = time.monotonic()
        await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success"] * 3)
    for at in range(3):
        stamp = Stamp.read(rig.directory / str(at))
        require(stamp.start >= left_at, "a run started while a block held every core")


@pooled_runner
async def a_block_waits_for_runs(rig: Rig) -> None:
    """A block that wants every core is entered when those that are in use have come back."""
    gate = rig.new_gate()
    async with rig.make_pooled(cores=2, max_parallel=None) as runner:
        run = await rig.start_at_gate(runner, gate)

        async def enter() -> str:
            async with runner.pool.acquire(cores=2):
                return run.status

        block = asyncio.create_task(enter())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        require(not block.done(), "a block was given cores that a run was using")
        gate.let_through()
        require_equal("status of the run when the block was entered", await block, "success")


@pooled_runner
async def a_block_given_up_holds_nothing(rig: Rig) -> None:
    """Cancelling code that waits for a block, or is in it, gives back what it holds."""
    async with rig.make_pooled(cores=2, max_parallel=None) as runner:
        inside = asyncio.Event()

        async def hold() -> None:
            async with runner.pool.acquire(cores=2):
                inside.set()
                await asyncio.Event().wait()

        holder = asyncio.create_task(hold())
        await inside.wait()
        waiter = asyncio.create_task(hold())
        await asyncio.sleep(0)
        for task in (waiter, holder):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        run = await runner.add(sh("exit 0"), rig.directory, cores=2)
        require_equal("status of a run on every core", run.status, "success")
