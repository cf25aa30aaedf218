"""Starts an agent on this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio.to_thread

from runsemble.agent import place
from runsemble.agent.protocol import READY
from runsemble.agent.recover import end_remains
from runsemble.agent.spool import replay
from runsemble.errors import AgentError
from runsemble.nodes.link import AgentLink, connect

#: The agent's program. Python starts it sooner than the folder it is in, which would be a program as well.
AGENT_PROGRAM = str(Path(place.__file__).with_name("__main__.py"))
#: Seconds within which an agent must be ready.
START_S = 30.0

_ALL_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class LocalAgent:
    """An agent process on this machine: a child of this process, but in a session of its own."""

    def __init__(self, directory: str, pid: int) -> None:
        self.directory = directory
        self.pid = pid

    async def wait(self) -> int | None:
        """Wait for the process to end; return its exit status, None if somebody else has reaped it."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(pidfd, ended.set)
            await ended.wait()
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
        return self.reap()

    def reap(self) -> int | None:
        """Take in the process if it has ended; None if it lives or was taken in by somebody else."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return None
        return os.waitstatus_to_exitcode(status) if pid else None

    def kill(self) -> None:
        """End the process at once; its runs are left to its successor."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


async def start_agent(directory: str) -> LocalAgent:
    """Start the agent that is to live in `directory`, which `place.make_place` has made; wait until it listens.

    An agent started where another one was killed takes over: it ends what that one left running, and tells of it.

    Raises:
        AgentError: It did not come up; the text ends with what it said.
    """
    read_end, write_end = os.pipe()
    try:
        log = os.open(place.log_path(directory), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            agent = LocalAgent(directory, _spawn(directory, write_end, log))
        finally:
            os.close(log)
            os.close(write_end)
        said = b""
        try:
            with suppress(TimeoutError):
                said = await _read_line(read_end)
        finally:
            if said.strip() != READY.encode():
                agent.kill()
                os.waitpid(agent.pid, 0)  # noqa: ASYNC222 - it was just killed: a matter of microseconds
    finally:
        os.close(read_end)
    if said.strip() != READY.encode():
        raise AgentError(f"the agent on this machine did not start: {_last_line(place.log_path(directory))}")
    return agent


def _spawn(directory: str, ready: int, log: int) -> int:
    """Spawn the agent in a session of its own, with default signals: nothing of this process's state reaches a run."""
    argv = [sys.executable, "-I", "-S", AGENT_PROGRAM, "serve", directory]
    actions = [(os.POSIX_SPAWN_DUP2, ready, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    return os.posix_spawn(
        sys.executable, argv, os.environ, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS
    )


async def _read_line(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    os.set_blocking(fd, False)
    data = b""
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(START_S):
            while not data.endswith(b"\n"):
                await readable.wait()
                readable.clear()
                chunk = os.read(fd, 4096)
                if not chunk:
                    break
                data += chunk
    finally:
        loop.remove_reader(fd)
    return data


def _last_line(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _clear(directory: str) -> None:
    """End what an agent that was killed left running, and remove its directory; one that ended in order left none."""
    if os.path.isdir(directory):
        with suppress(OSError):
            end_remains(replay(place.spool_path(directory)), os.path.basename(directory))
        shutil.rmtree(directory, ignore_errors=True)


class LocalNode:
    """This machine, as a node on which runs are started by an agent."""

    host = "localhost"

    def __init__(self) -> None:
        self._directory = ""
        self._agent: LocalAgent | None = None

    @property
    def agent_pid(self) -> int | None:
        """Process id of the agent, None without one."""
        return self._agent.pid if self._agent else None

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Start the agent, or a successor of one that has died, and connect to it.

        Raises:
            AgentError: It cannot be started or reached.
        """
        try:
            if self._agent is not None:
                self._agent.kill()
                await self._agent.wait()
                self._agent = None
            if not os.path.isdir(self._directory):  # noqa: ASYNC240 - one stat of a local directory
                self._directory = place.make_place()
            self._agent = await start_agent(self._directory)
        except (OSError, place.UnsafePlace) as error:
            raise AgentError(f"the agent on this machine cannot be started: {error}") from error
        return await connect(self._directory, on_messages, on_lost, hello)

    def twin(self) -> LocalNode:
        """Return this machine, for one more agent."""
        return LocalNode()

    async def close(self, patience_s: float) -> None:
        """Wait for an agent that was told to end; end it if it takes longer than `patience_s`."""
        agent, self._agent = self._agent, None
        if agent is not None:
            try:
                async with asyncio.timeout(patience_s):
                    await agent.wait()
            except TimeoutError:
                agent.kill()
                await agent.wait()
        if self._directory:
            await anyio.to_thread.run_sync(_clear, self._directory)
