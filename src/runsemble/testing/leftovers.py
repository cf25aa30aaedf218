"""What this process holds now and did not hold before: descriptors, children, threads, tasks, homes of agents."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from runsemble.agent import place, proc

#: Threads that wait for the next piece of work: AnyIO's and asyncio's, which end with their event loop.
IDLE_WORKERS = ("AnyIO worker thread", "asyncio_", "ThreadPoolExecutor-")


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a process holds at one moment that it could forget to give back."""

    descriptors: frozenset[tuple[int, str]]  #: number and what it stands for
    children: frozenset[int]  #: process ids, of those that ended and were not waited for too
    threads: frozenset[threading.Thread]  #: but daemons and idle workers
    tasks: frozenset[asyncio.Task[object]]  #: of the running event loop, but the current one

    @classmethod
    def now(cls) -> Belongings:
        """Look what this process holds."""
        return cls(_descriptors(), frozenset(proc.children_of(os.getpid())), _threads(), _tasks())


def find_leftovers(before: Belongings, but: Collection[str] = ()) -> list[str]:
    """Return words for everything that this process holds beyond what it held before; not the files in `but`."""
    now = Belongings.now()
    new = sorted(now.descriptors - before.descriptors)
    words = [f"descriptor {fd} ({what})" for fd, what in new if what not in but]
    words += [f"child process {pid} ({command_of(pid)})" for pid in sorted(now.children - before.children)]
    words += [f"thread {thread.name}" for thread in now.threads - before.threads]
    words += [f"task {task!r}" for task in now.tasks - before.tasks if not task.done()]
    return words


async def wait_leftovers(before: Belongings, patience_s: float = 1.0, but: Collection[str] = ()) -> list[str]:
    """Return what is still left after the event loop has had `patience_s` seconds to close what was given up."""
    give_up = time.monotonic() + patience_s
    while True:
        left = find_leftovers(before, but)
        if not left or time.monotonic() > give_up:
            return left
        await asyncio.sleep(0.005)


@contextmanager
def recorded_places() -> Iterator[list[str]]:
    """Note, while the block runs, the directories that this process makes for agents to live in.

    The directory above them is shared with the user's other programs, so what is new there may be somebody else's.
    """
    chosen: list[str] = []
    choose_place = place.choose_place

    def choose_and_note() -> str:
        path = choose_place()
        chosen.append(path)
        return path

    place.choose_place = choose_and_note
    try:
        yield chosen
    finally:
        place.choose_place = choose_place


def command_of(pid: int) -> str:
    """Return the command line of a process for people; "ended" for one that nobody has waited for."""
    line = proc.read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return line[:200] or "ended, not waited for"


def pids_with(text: bytes, but: Collection[int] = ()) -> list[int]:
    """Return the living processes that carry `text` in their environment or command line, this one aside."""
    return [
        pid
        for pid in proc.all_pids()
        if pid != os.getpid()
        and pid not in but
        and (text in proc.read(f"/proc/{pid}/environ") or text in proc.read(f"/proc/{pid}/cmdline"))
    ]


def _descriptors() -> frozenset[tuple[int, str]]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except OSError:  # the one by which the directory itself was read
            continue
    return frozenset(found)


def _threads() -> frozenset[threading.Thread]:
    return frozenset(t for t in threading.enumerate() if not t.daemon and not t.name.startswith(IDLE_WORKERS))


def _tasks() -> frozenset[asyncio.Task[object]]:
    try:
        return frozenset(asyncio.all_tasks() - {asyncio.current_task()})
    except RuntimeError:  # no event loop runs
        return frozenset()
