"""A driver: the CPU time of small programs, each run in turn by `multirun`, one at a time."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tell import arguments, tell

from runsemble import MultirunResult, ParallelLocalRunner, multirun

CODES = {"bare": "pass", "import": "from runsemble import getRunParams"}
POSTED = {"loss": 0.25}
PROGRAMS: dict[str, tuple[list[str], dict[str, Any]]] = {
    name: ([sys.executable, "-c", code], {}) for name, code in CODES.items()
}
PROGRAMS["post"] = ["runsemble", "post", "loss={loss}"], POSTED


def cpu_ms(result: MultirunResult) -> float:
    """Return the CPU time of a study's only run, after a check."""
    result.raise_for_failures()
    (run,) = result
    if run.params:
        assert run.result == POSTED, run.result
    assert run.usage is not None
    return (run.usage.user_s + run.usage.system_s) * 1000


async def main(out: str, count: int) -> None:
    """Run every program `count` times, and once before for its bytecode."""
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    async with ParallelLocalRunner(max_parallel=1) as runner:
        for number in range(count + 1):
            for name, (cmd, params) in PROGRAMS.items():
                place = f"{out}-{number}-{name}"
                result = await multirun(runs=[params], cmd=cmd, output_path=place, runner=runner)
                if number:
                    taken[name].append(cpu_ms(result))
    tell(**taken)


asyncio.run(main(**arguments()))
