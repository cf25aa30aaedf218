"""How late a 1 ms ticker is while its event loop has nothing else to do, and while processes are run on it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import IO

from tell import arguments, tell

from runsemble import ParallelLocalRunner, multirun

TICK_S = 0.001
CMD = ["sleep", "0.05"]


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """Collect the lateness of every tick, in ms, while the block runs."""
    late_ms: list[float] = []

    async def tick() -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            late_ms.append((time.perf_counter() - due) * 1000)

    ticker = asyncio.create_task(tick())
    try:
        yield late_ms
    finally:
        ticker.cancel()


async def run_with_runsemble(count: int, slots: int, out: str) -> None:
    """Run the processes by `multirun`."""
    runs = ({"index": index} for index in range(count))
    result = await multirun(runs=runs, cmd=CMD, output_path=out, runner=ParallelLocalRunner(max_parallel=slots))
    result.raise_for_failures()
    assert result.statistics.success_count == count


@contextmanager
def output_files(out: str, index: int) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open the two output files of a process."""
    with open(f"{out}/{index}.stdout", "wb") as stdout, open(f"{out}/{index}.stderr", "wb") as stderr:
        yield stdout, stderr


async def run_with_asyncio(count: int, slots: int, out: str) -> None:
    """Run the processes as an asyncio program does: a task for each, a semaphore, two output files."""
    room = asyncio.Semaphore(slots)

    async def run_one(index: int) -> None:
        async with room:
            with output_files(out, index) as (stdout, stderr):
                process = await asyncio.create_subprocess_exec(*CMD, stdout=stdout, stderr=stderr)
            assert await process.wait() == 0

    os.mkdir(out)
    await asyncio.gather(*(run_one(index) for index in range(count)))


def summarise(late_ms: list[float]) -> dict[str, float]:
    """Return what of the lateness is compared."""
    ordered = sorted(late_ms)
    return {"p99_ms": ordered[len(ordered) * 99 // 100], "max_ms": ordered[-1], "ticks": len(ordered)}


async def main(launcher: str, count: int, slots: int, out: str, idle_s: float) -> None:
    """Tick without, then with the processes."""
    run = {"runsemble": run_with_runsemble, "asyncio": run_with_asyncio}[launcher]
    async with ticking() as idle:
        await asyncio.sleep(idle_s)
    began = time.perf_counter()
    async with ticking() as loaded:
        await run(count, slots, out)
    tell(idle=summarise(idle), loaded=summarise(loaded), wall_s=time.perf_counter() - began)


asyncio.run(main(**arguments()))
