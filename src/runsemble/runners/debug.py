"""The runner for finding out why a run fails: one after another, on the caller's own terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from runsemble.closing import see_through
from runsemble.launch.argv import check_command, resolve_program
from runsemble.launch.environment import base_environment
from runsemble.model.stats import RunStatistics
from runsemble.runners.abstract import AbstractRunner, RunHandle

#: Seconds between TERM and KILL when the program that waits is cancelled.
GRACE_S = 5.0


class DebugRunner(AbstractRunner):
    """Runs one at a time as ordinary child processes that share stdin, stdout and stderr with the caller.

    A debugger in a run can be talked to. There are no limits, no retries, and nothing survives the caller.
    """

    def __init__(self) -> None:
        self.runs: list[RunHandle] = []
        self._todo: list[tuple[list[str], str, RunHandle]] = []

    def add(self, cmd: Sequence[str], cwd: str | os.PathLike[str] = Path(".")) -> RunHandle:
        """Take in a run of `cmd` in the existing directory `cwd`; it starts when the ones before have ended.

        Raises:
            CommandError: The command is none.
        """
        argv = check_command(cmd)
        argv[0] = resolve_program(argv[0], os.getcwd(), set())
        handle = RunHandle()
        self.runs.append(handle)
        self._todo.append((argv, os.path.abspath(os.fspath(cwd)), handle))
        return handle

    async def gather(self) -> None:
        """Run everything added so far, or meanwhile, in order."""
        while self._todo:
            argv, cwd, handle = self._todo.pop(0)
            handle.status = "running"
            try:
                handle.returncode = await _run(argv, cwd)
            except OSError as error:
                sys.stderr.write(f"cannot start {argv[0]}: {error.filename}: {error.strerror}\n")
            finally:
                handle.status = "success" if handle.returncode == 0 else "failure"

    def skip_waiting(self) -> None:
        """Skip every run that has not started."""
        for _, _, handle in self._todo:
            handle.status = "skipped"
        self._todo.clear()

    def compute_statistics(self) -> RunStatistics:
        """Count the runs by status."""
        return RunStatistics.of(handle.status for handle in self.runs)


async def _run(argv: list[str], cwd: str) -> int:
    with anyio.CancelScope(shield=True):  # or else a child could be started that nobody waits for
        process = await asyncio.create_subprocess_exec(*argv, cwd=cwd, env=base_environment(os.environ))
    try:
        return await process.wait()
    except BaseException:
        await see_through(_end(process))
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
