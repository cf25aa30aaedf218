"""A driver that goes on with a study, and how long that took until its last run began."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tell import arguments, tell

from runsemble import multirun


def parameters(count: int) -> Iterator[dict[str, Any]]:
    """Yield parameter sets like a scientist's."""
    for index in range(count):
        yield {"beta": index * 0.001, "gamma": 0.5, "seed": index}


def main(out: str, count: int) -> None:
    """Go on with the study and tell."""
    began, cpu = time.time(), time.process_time()
    runs, cmd = parameters(count), ["date", "+%s.%N"]
    result = asyncio.run(multirun(runs=runs, cmd=cmd, output_path=out, resume=True))
    cpu = time.process_time() - cpu
    result.raise_for_failures()
    assert len(result) == result.statistics.success_count == count
    last = float(Path(result[count - 1].run_dir, "stdout").read_text())
    tell(first_s=last - began, cpu_s=cpu, rss_peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main(**arguments())
