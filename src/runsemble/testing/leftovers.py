"""What this process holds now and did not hold before: descriptors, children, threads, tasks, agents' places."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass

from runsemble.agent import place, proc

#: Threads that wait for the next piece of work: AnyIO's and asyncio's, which end with their event loop.
IDLE_WORKERS = ("AnyIO worker thread", "asyncio_", "ThreadPoolExecutor-")
#: Seconds for which a directory that no agent serves may exist: one was just made there, or has just ended.
UNSERVED_S = 1.0


@dataclass(frozen=True, slots=True)
class Belongings:
    """What a process holds at one moment that it could forget to give back."""

    descriptors: frozenset[tuple[int, str]]  #: number and what it stands for
    children: frozenset[int]  #: process ids, of those that ended and were not waited for too
    threads: frozenset[threading.Thread]  #: but daemons and idle workers
    tasks: frozenset[asyncio.Task[object]]  #: of the running event loop, but the current one
    places: frozenset[str]  #: directories in which agents live, other programs' too

    @classmethod
    def now(cls) -> Belongings:
        """Look what this process holds."""
        return cls(_descriptors(), frozenset(proc.children_of(os.getpid())), _threads(), _tasks(), _places())


def find_leftovers(before: Belongings, but: Collection[str] = ()) -> list[str]:
    """Return words for everything that this process holds beyond what it held before; not the files in `but`."""
    now = Belongings.now()
    new = sorted(now.descriptors - before.descriptors)
    words = [f"descriptor {fd} ({what})" for fd, what in new if what not in but]
    words += [f"child process {pid} ({command_of(pid)})" for pid in sorted(now.children - before.children)]
    words += [f"thread {thread.name}" for thread in now.threads - before.threads]
    words += [f"task {task!r}" for task in now.tasks - before.tasks if not task.done()]
    words += [f"directory {path}" for path in sorted(now.places - before.places) if _is_ours(path)]
    return words


async def wait_leftovers(before: Belongings, patience_s: float = 1.0, but: Collection[str] = ()) -> list[str]:
    """Return what is still left after the event loop has had `patience_s` seconds to close what was given up."""
    give_up = time.monotonic() + patience_s
    while True:
        left = find_leftovers(before, but)
        if not left or time.monotonic() > give_up:
            return left
        await asyncio.sleep(0.005)


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


def _places() -> frozenset[str]:
    try:
        names = os.listdir(place.root())
    except FileNotFoundError:
        return frozenset()
    return frozenset(os.path.join(place.root(), name) for name in names if name != "cores")


def _is_ours(path: str) -> bool:
    """Tell whether a directory of an agent was left by this process: our child serves it, or nobody does."""
    servers = [pid for pid in pids_with(os.fsencode(path)) if b"\0serve\0" in proc.read(f"/proc/{pid}/cmdline")]
    if servers:
        own = set(proc.descendants_of(os.getpid()))
        return any(pid in own for pid in servers)
    try:
        return time.time() - os.stat(path).st_mtime > UNSERVED_S
    except FileNotFoundError:
        return False
