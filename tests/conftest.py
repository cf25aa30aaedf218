"""Held against every test: no blocking call on the event loop, and nothing left behind."""

from __future__ import annotations

import gc
import inspect
import os
import sys
import time
from collections.abc import AsyncIterator, Collection, Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from runsemble.agent import proc
from runsemble.testing.leftovers import (
    Belongings,
    command_of,
    find_leftovers,
    pids_with,
    recorded_places,
    wait_leftovers,
)

#: Every command that a test starts would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: In the environment of everything that these tests start, so that it is known wherever it went.
MARK = f"TESTED_BY={os.getpid()}-{os.urandom(4).hex()}"
#: Seconds that processes whose parent was killed may take to end by themselves.
ORPHANS_S = 3.0
#: Seconds that threads may take which were told to end: SQLite's, one for every connection.
THREADS_S = 1.0

#: Calls that ask the kernel for what it has at hand, and no disk.
NEVER_BLOCKING = ("os.getcwd", "os.path.abspath")
#: Calls that look blocking and are not worth a thread: (what, file, function) -> the reason.
HARMLESS: dict[tuple[str, str, str], str] = {
    ("io.TextIOWrapper.read", "runsemble/agent/inventory.py", "_read"): "the kernel's own files, which no disk holds",
    ("io.BufferedReader.read", "runsemble/runners/run.py", "_read_output"): "the test's own call, for a small file",
    ("io.BufferedReader.read", "runsemble/workdir/results.py", "read_posted"): "the same",
    ("os.stat", "runsemble/nodes/local.py", "prepare"): "once per agent, in /tmp of this machine",
    ("os.mkdir", "runsemble/agent/place.py", "make_place"): "the same",
    ("os.mkdir", "runsemble/nodes/local.py", "prepare"): "the same",
    ("os.read", "runsemble/agent/proc.py", "read"): "the kernel's own files, which no disk holds",
    ("os.readlink", "runsemble/store/lease.py", "now"): "the kernel's own files, which no disk holds",
    ("os.mkdir", "runsemble/agent/place.py", "make_private"): "once per runner, in /tmp of this machine",
}


def pytest_configure(config: pytest.Config) -> None:
    name, _, value = MARK.partition("=")
    os.environ[name] = value


def is_async(request: pytest.FixtureRequest) -> bool:
    return inspect.iscoroutinefunction(getattr(request, "function", None))


@pytest.fixture(autouse=True)
def no_blocking_call(request: pytest.FixtureRequest) -> Iterator[BlockBuster | None]:
    """Turn a blocking call that runsemble makes on the event loop into a failure."""
    if not is_async(request):
        yield None
        return
    with blockbuster_ctx("runsemble", excluded_modules=["runsemble.testing", "runsemble.agent"]) as blockbuster:
        for what in NEVER_BLOCKING:
            blockbuster.functions[what].deactivate()
        for what, file, function in HARMLESS:
            blockbuster.functions[what].can_block_in(file, function)
        yield blockbuster


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, descriptor, thread, task or an agent's directory behind."""
    if is_async(request):
        request.getfixturevalue("nothing_left_in_loop")
        yield
        return
    before, strangers = Belongings.now(), pids_with(MARK.encode())
    with recorded_places() as places:
        yield
    require_nothing_left(settled_leftovers(before), places, strangers)


@pytest.fixture
async def nothing_left_in_loop() -> AsyncIterator[None]:
    """Do the same in the test's event loop, which has descriptors of its own, and may have something to end yet."""
    before, strangers = Belongings.now(), pids_with(MARK.encode())
    with recorded_places() as places:
        yield
    left = await wait_leftovers(before)
    if left:
        gc.collect()  # let what is unclosed be complained about here, and not in a later test
    require_nothing_left(left, places, strangers)


def settled_leftovers(before: Belongings) -> list[str]:
    """Return what is still left once threads that were told to end have had the time to."""
    give_up = time.monotonic() + THREADS_S
    while (left := find_leftovers(before)) and time.monotonic() < give_up:
        time.sleep(0.005)
    return left


def require_nothing_left(left: list[str], places: Collection[str], strangers: Collection[int]) -> None:
    """Fail if anything is left: what was found already, agents' directories, processes that ran away."""
    left += [f"directory {path}" for path in places if os.path.exists(path)]
    left += [f"process {pid} ({command_of(pid)})" for pid in wait_orphans(strangers)]
    assert not left, "the test left behind: " + "; ".join(left)


def wait_orphans(strangers: Collection[int]) -> list[int]:
    """Return the processes that the test brought about and that do not end soon, wherever they went."""
    give_up = time.monotonic() + ORPHANS_S
    while True:
        alive = [pid for pid in pids_with(MARK.encode(), strangers) if not proc.is_zombie(pid)]
        if not alive or time.monotonic() > give_up:
            return alive
        time.sleep(0.01)
