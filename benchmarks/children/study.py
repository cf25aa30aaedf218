"""A driver: one study through `multirun` with defaults, and what it cost."""

from __future__ import annotations

import asyncio
import gc
import mmap
import resource
import threading
import time
from collections.abc import Iterator
from typing import Any

from tell import arguments, tell

from runsemble import MultirunResult, multirun


def parameters(count: int) -> Iterator[dict[str, Any]]:
    """Yield parameter sets like a scientist's."""
    for index in range(count):
        yield {"beta": index * 0.001, "gamma": 0.5, "seed": index}


def burn(done: threading.Event) -> None:
    """Keep the interpreter busy."""
    number = 0
    while not done.is_set():
        for _ in range(1000):
            number = (number * 3 + 1) % 1_000_003


def touched_heap(size_mib: int) -> mmap.mmap | None:
    """Return memory of which every page is in use, in small pages, as a grown heap of objects has it."""
    if not size_mib:
        return None
    heap = mmap.mmap(-1, size_mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    heap.madvise(mmap.MADV_NOHUGEPAGE)
    for start in range(0, len(heap), 1 << 20):
        heap[start : start + (1 << 20)] = b"x" * (1 << 20)
    return heap


def memory_kib(field: str) -> int:
    """Return a field of this process's status, such as VmRSS."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field + ":"))


def cpu_s() -> float:
    """Return the CPU seconds of this process alone."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def check(result: MultirunResult, count: int) -> None:
    """Stop unless every run succeeded."""
    result.raise_for_failures()
    assert len(result) == result.statistics.success_count == count, result


def main(count: int, out: str, cmd: list[str], busy: bool = False, heap_mib: int = 0) -> None:
    """Run the study and tell its cost."""
    heap = touched_heap(heap_mib)
    done = threading.Event()
    if busy:
        threading.Thread(target=burn, args=(done,), daemon=True).start()
    rss_before, cpu_before, began = memory_kib("VmRSS"), cpu_s(), time.perf_counter()
    result = asyncio.run(multirun(runs=parameters(count), cmd=cmd, output_path=out))
    wall, cpu = time.perf_counter() - began, cpu_s() - cpu_before
    done.set()
    gc.collect()
    rss = {"rss_before_kib": rss_before, "rss_after_kib": memory_kib("VmRSS"), "rss_peak_kib": memory_kib("VmHWM")}
    check(result, count)
    assert heap is None or len(heap) == heap_mib << 20
    tell(wall_s=wall, cpu_s=cpu, **rss)


main(**arguments())
