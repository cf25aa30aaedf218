"""A study as its bar sees it: events of runs that begin and end at a steady rate."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
import threading
import time
from contextlib import AsyncExitStack

from tell import arguments, tell

from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.job import End, Job, Plan
from runsemble.runners.progress import Showing, show_progress
from runsemble.runners.table import RunTable
from runsemble.sched.pool import PoolUsage
from runsemble.sched.retry import RetryPolicy

TICK_S = 0.01
WARM_UP_S = 0.5


def terminal() -> None:
    """Let stderr be a terminal of 80 columns that somebody reads."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    sys.stderr = os.fdopen(writer, "w")
    threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")], daemon=True).start()


async def main(seconds: float, rate: int, shows_bar: bool) -> None:
    """Publish the events."""
    terminal()
    machinery = EventBus()
    table = RunTable(machinery)
    plan = Plan(0, {"timeout_s": None, "mem_mib": 0}, None, 1, "files", RetryPolicy())  # type: ignore[arg-type]
    per_tick = int(rate * TICK_S)
    total = int(rate * seconds)
    jobs = [Job(table, plan, [], "/x", '{"x":1}', {}, id=at) for at in range(total)]
    for job in jobs:
        table.add(job)
    usage = PoolUsage(2, 2, 0, 0, 2)
    async with AsyncExitStack() as stack:
        if shows_bar:
            await stack.enter_async_context(show_progress(table, machinery, total, lambda: usage, Showing(True)))
        began, measured = time.perf_counter(), (0.0, 0.0)
        for at in range(0, total, per_tick):
            if at == int(WARM_UP_S * rate):  # by now tqdm has been imported, and the bar drawn
                measured = time.perf_counter(), time.process_time()
            for job in jobs[at : at + per_tick]:
                job.machine.start(1)
                table.statistics.move("pending", "running")
                table.bus.publish(events.RunStarted(job.id, 1, "here", 1, (0,), (), 0.0))
                job.machine.end(1, Cause.OK, plan.retry)
                table.statistics.move("running", "success")
                job.last = End(0)
                table.end(job)
                table.bus.publish(events.AttemptEnded(job.id, 1, Cause.OK, 0, "ok"))
                table.bus.publish(events.RunEnded(job.id, "success", Cause.OK))
            await asyncio.sleep(max(0.0, began + (at + per_tick) / rate - time.perf_counter()))
        facts = {"cpu_s": time.process_time() - measured[1], "wall_s": time.perf_counter() - measured[0]}
    tell(**facts)


asyncio.run(main(**arguments()))
