"""Runs a process beside the runs, to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.to_thread

from runsemble.launch.environment import base_environment

#: Seconds between TERM and KILL for one that takes too long.
GRACE_S = 5.0


def python_path() -> str:
    """Return where an interpreter finds what this one does, as its environment has it."""
    return os.pathsep.join(map(os.path.abspath, sys.path))  # "" is the current directory


@asynccontextmanager
async def scratch_directory() -> AsyncIterator[str]:
    """Yield a new directory, which is removed at the end."""
    scratch = await anyio.to_thread.run_sync(tempfile.TemporaryDirectory)
    try:
        yield scratch.name
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(scratch.cleanup)


async def run_beside(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    stdout: str,
    stderr: str,
    timeout_s: float | None = None,
    leaves_none: bool = False,
) -> int | None:
    """Run a process; return its exit code, minus the number of the signal that ended it, or None if it took too long.

    It is ended when the caller is cancelled, or when it takes longer than `timeout_s` seconds.

    Args:
        argv: Program and arguments.
        cwd: Where it starts.
        env: Variables beside those that every run has.
        stdout: File to which its output is appended.
        stderr: The same for its errors.
        timeout_s: Seconds; None: no limit.
        leaves_none: End what it has started and left behind, too.

    Raises:
        OSError: It cannot be started, or a file not be written.
    """
    process = await anyio.to_thread.run_sync(_start, argv, cwd, env, stdout, stderr)
    try:
        async with asyncio.timeout(timeout_s):
            status = await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
    except TimeoutError:
        await _end(process)
        return None
    except BaseException:
        await _end(process)
        raise
    if leaves_none:
        _signal_all(process, signal.SIGKILL)
    return status


def _start(argv: Sequence[str], cwd: str, more: Mapping[str, str], stdout: str, stderr: str) -> subprocess.Popen[bytes]:
    env = base_environment(os.environ)
    env |= {"PYTHONPATH": python_path(), **more}
    with open(stdout, "ab") as out, open(stderr, "ab") as err:
        return subprocess.Popen(
            list(argv), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )


async def _end(process: subprocess.Popen[bytes]) -> None:
    _signal_all(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        await anyio.to_thread.run_sync(process.wait, GRACE_S)
    _signal_all(process, signal.SIGKILL)
    await anyio.to_thread.run_sync(process.wait)


def _signal_all(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def last_line(path: str) -> str:
    """Return the last line of what a process has written, nothing if it has written none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
