"""A driver: one study of calls of a function through `multirun` with defaults, and what it cost."""

from __future__ import annotations

import asyncio
import importlib
import os
import resource
import sys
import time

from tell import arguments, tell

from runsemble import multirun

SOURCES = {"noop": "def call(x):\n    pass\n", "numpy": "import numpy\n\n\ndef call(x):\n    pass\n"}


def main(kind: str, count: int, out: str) -> None:
    """Run the study and tell its cost."""
    os.makedirs(out + "-module")
    with open(os.path.join(out + "-module", f"called_{kind}.py"), "w") as file:
        file.write(SOURCES[kind])
    sys.path.insert(0, out + "-module")
    call = importlib.import_module(f"called_{kind}").call
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = asyncio.run(multirun(runs=({"x": number} for number in range(count)), cmd=call, output_path=out))
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    result.raise_for_failures()
    assert result.statistics.success_count == count
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    tell(wall_s=wall_s, cpu_s=cpu_s)


main(**arguments())
