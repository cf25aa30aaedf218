"""What the tests with real processes share: waiting for what can be observed, and finding a study's processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Seconds after which something that should have happened is taken not to happen. Never waited for in a good test.
PATIENCE_S = 20.0
#: Seconds between two looks.
LOOK_S = 0.01


def wait_until(what: str, look: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Look again and again until there is something to see; return it.

    Raises:
        TimeoutError: There was nothing to see in time.
    """
    give_up = time.monotonic() + patience_s
    while not (seen := look()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"in vain waited {patience_s:g} s until {what}")
        time.sleep(LOOK_S)
    return seen


def processes_of(output_path: str | os.PathLike[str]) -> dict[int, str]:
    """Return the living processes that belong to runs of the study in `output_path`, with their commands."""
    mark = b"RUNSEMBLE_ENSEMBLE_DIR=" + os.fsencode(output_path)
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if mark in _proc_file(pid, "environ").split(b"\0") and is_alive(pid):
            found[pid] = _proc_file(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    state = _proc_file(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def children_of(pid: int) -> list[int]:
    """Return the living children of a process."""
    return [int(child) for child in _proc_file(pid, f"task/{pid}/children").split() if is_alive(int(child))]


def agents_of(pid: int) -> list[int]:
    """Return the agents that the driver with this process id has started."""
    return [child for child in children_of(pid) if b"\0serve\0" in _proc_file(child, "cmdline")]


def home_of_agent(pid: int) -> str:
    """Return the directory that an agent lives in; empty if it has ended."""
    words = _proc_file(pid, "cmdline").rstrip(b"\0").split(b"\0")
    return os.fsdecode(words[words.index(b"serve") + 1]) if b"serve" in words else ""


def own_agents() -> list[int]:
    """Return the agents that this process has started."""
    threads = os.listdir("/proc/self/task")
    children = b" ".join(_proc_file(os.getpid(), f"task/{thread}/children") for thread in threads).split()
    return [int(child) for child in children if b"\0serve\0" in _proc_file(int(child), "cmdline")]


def lines_of(path: str | os.PathLike[str]) -> list[str]:
    """Return the whole lines of a text file; none if it does not exist."""
    try:
        return Path(path).read_text().splitlines()
    except FileNotFoundError:
        return []


def text_of(path: str | os.PathLike[str] | None) -> str:
    """Return the text of a file that must be there."""
    assert path is not None
    return Path(path).read_text()


def run_directories_in(path: str | os.PathLike[str]) -> list[str]:
    """Return what is in the directory of a study beside its record, in order."""
    return [name for name in names_in(path) if name != ".runsemble" and not name.startswith("runsemble.db")]


def names_in(path: str | os.PathLike[str]) -> list[str]:
    """Return the names in a directory, sorted; none if it does not exist."""
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


@contextmanager
def ended_at_last(pid: int) -> Iterator[None]:
    """Make sure that a process which the block should have ended does not outlive it."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Gate:
    """Holds runs up until the test opens it; a run waits with `words` as (part of) a shell command."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words = f"until [ -e '{path}' ]; do sleep 0.01; done"

    def open(self) -> None:
        """Let everybody through from now on."""
        self.path.touch()


#: Writes down what a helper-using Python run needs; `sys.executable` of the tests is the driver's.
PYTHON = sys.executable


def _proc_file(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
