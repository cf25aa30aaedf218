"""Starts an agent on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio.to_thread

from runsemble.agent import place as places
from runsemble.agent import proc
from runsemble.agent.protocol import AGENT_KEY, READY, TAKEN
from runsemble.agent.recover import end_remains
from runsemble.agent.spool import replay
from runsemble.errors import AgentError
from runsemble.nodes.link import AgentDied, AgentLink, connect
from runsemble.nodes.place import Place, host_name

#: The agent's program. Python starts it sooner than the folder it is in, which would be a program as well.
AGENT_PROGRAM = str(Path(places.__file__).with_name("__main__.py"))
#: What an agent loads and runs Python calls with.
CALLS_MODULE = "runsemble.inrun.calls"
#: Seconds within which an agent must be ready.
START_S = 30.0
#: Seconds within which a process must be gone that was killed.
KILL_S = 10.0
#: Seconds within which a process is gone whose connections are: it could still seem to listen.
GONE_S = 0.5
#: Seconds within which an agent must listen, or be gone, that has a place to itself; then it is killed.
TAKEN_S = 30.0
#: Seconds between two looks at a place in which another agent lives that does not answer.
TAKEN_POLL_S = 0.02

#: Agents that were left to others, or to come back to, and that this process has to take in once they have ended.
_left: set[LocalAgent] = set()


def _reap_left() -> None:
    """Take in the agents that were left and have ended."""
    for agent in list(_left):
        try:
            is_over = os.waitpid(agent.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:  # another process's, or taken in by whoever came back to it
            is_over = True
        if is_over:
            _left.discard(agent)


_ALL_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class PlaceTaken(AgentError):
    """An agent was to be started where another one lives."""


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


async def start_agent(directory: str, spool: str = "", calls: bool = False) -> LocalAgent:
    """Start the agent that is to live in `directory`, which `place.make_place` has made; wait until it listens.

    Args:
        directory: Its place.
        spool: Its spool, if not there.
        calls: Whether it starts Python calls besides programs.

    An agent started where another one was killed takes over: it ends what that one left running, and tells of it.

    Raises:
        PlaceTaken: Another agent lives there.
        AgentDied: It was killed meanwhile.
        AgentError: It did not come up; the text ends with what it said.
    """
    read_end, write_end = os.pipe()
    try:
        log = os.open(places.log_path(directory), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            agent = LocalAgent(directory, _spawn(directory, spool, calls, write_end, log))
        finally:
            os.close(log)
            os.close(write_end)
        said, status, is_slow = b"", 0, False
        try:
            said = await _read_line(read_end)
        except TimeoutError:
            is_slow = True
        finally:
            if said.strip() != READY.encode():
                agent.kill()
                status = os.waitpid(agent.pid, 0)[1]  # noqa: ASYNC222 - just killed: a matter of microseconds
    finally:
        os.close(read_end)
    code = os.waitstatus_to_exitcode(status)
    if code == TAKEN:
        raise PlaceTaken(f"another agent lives in {directory} and does not answer")
    if code < 0 and not is_slow:
        raise AgentDied(f"the agent on this machine was killed by signal {-code} while it came up")
    if said.strip() != READY.encode():
        raise AgentError(f"the agent on this machine did not start: {_last_line(places.log_path(directory))}")
    return agent


def agent_argv(directory: str, spool: str = "", calls: bool = False) -> list[str]:
    """Return the command of an agent; for the arguments see `start_agent`."""
    words = ["serve", directory, *([spool] if spool else [])]
    if not calls:
        return [sys.executable, "-I", "-S", AGENT_PROGRAM, *words]
    return [sys.executable, AGENT_PROGRAM, *words, "--calls", CALLS_MODULE]


def agent_environment(directory: str, calls: bool = False) -> dict[str, str]:
    """Return the environment of an agent: for calls, with what this process can import."""
    if not calls:
        return dict(os.environ)
    path = [os.path.abspath(entry) for entry in sys.path]  # "" is the current directory, which the agent leaves
    return {**os.environ, "RUNSEMBLE_SYS_PATH": json.dumps(path), AGENT_KEY: os.path.basename(directory)}


def _spawn(directory: str, spool: str, calls: bool, ready: int, log: int) -> int:
    """Spawn the agent in a session of its own, with default signals: nothing of this process's state reaches a run."""
    argv, env = agent_argv(directory, spool, calls), agent_environment(directory, calls)
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)  # a call finds this as `sys.stdin`
    actions = [null, (os.POSIX_SPAWN_DUP2, ready, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    return os.posix_spawn(
        sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_ALL_SIGNALS
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


def _clear(place: Place, keeps: bool) -> None:
    """End what an agent that was killed left running, and remove its directory; one that ended in order left none."""
    if keeps and not os.path.isdir(place.directory):
        return
    with suppress(OSError):
        remains = replay(place.spool)
        end_remains(remains, os.path.basename(place.directory))
        if remains.exits and keeps:
            return  # of runs whose end nobody has written down
    shutil.rmtree(place.directory, ignore_errors=True)
    with suppress(OSError):
        os.unlink(place.spool)


def _find_agent(directory: str) -> int | None:
    """Return the process id of the agent that lives in a directory, None if there is none."""
    marks = {b"serve", os.fsencode(directory)}
    found = [pid for pid in proc.all_pids() if marks <= set(proc.argv(pid))]
    return min(found, key=proc.start_time_s, default=None)  # what it has forked looks the same, and came later


def _cannot_start(error: Exception) -> AgentError:
    return AgentError(f"the agent on this machine cannot be started: {error}")


class LocalNode:
    """This machine, as a node on which runs are started by an agent.

    Args:
        place: Of an agent that may still be there, perhaps started by somebody else; None: a new one.
        spool_directory: Where spools are kept; in the agents' own directories when None.
        calls: Whether the agent starts Python calls besides programs.
    """

    def __init__(self, place: Place | None = None, spool_directory: str | None = None, calls: bool = False) -> None:
        self.host = host_name()
        self._place = place
        self._spool_directory = spool_directory
        self._calls = calls
        self._agent: LocalAgent | None = None

    @property
    def agent_pid(self) -> int | None:
        """Process id of the agent, None without one."""
        return self._agent.pid if self._agent else None

    @property
    def place(self) -> Place:
        """Where the agent can be found again; known once it was prepared."""
        assert self._place is not None
        return self._place

    def prepare(self) -> None:
        """Choose a place for an agent, unless there is one; nothing is made there yet.

        Raises:
            AgentError: There is none, and none can be made.
        """
        try:
            places.make_root()
        except (OSError, places.UnsafePlace) as error:
            raise _cannot_start(error) from error
        if self._place is None:
            directory = places.choose_place()
            spool = places.spool_path(directory)
            if self._spool_directory is not None:
                spool = os.path.join(self._spool_directory, f"spool-{os.path.basename(directory)}")
            self._place = Place(self.host, directory, spool)

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Connect to the agent in the place, or start one there: it takes over from one that has died.

        Raises:
            AgentDied: It was killed at once.
            AgentError: It cannot be started or reached.
        """
        give_up = time.monotonic() + TAKEN_S
        _reap_left()
        while True:
            if not await self._is_gone():  # though its link was lost, it may obey another driver
                with suppress(AgentError):
                    link = await connect(self.place.directory, on_messages, on_lost, hello)
                    self._agent = self._agent or LocalAgent(self.place.directory, link.agent_pid)
                    return link
                await self.kill()
            try:
                places.make_place(self.place.directory)
                self._agent = await start_agent(self.place.directory, self.place.spool, self._calls)
                return await self._meet(on_messages, on_lost, hello)
            except PlaceTaken:  # by one that comes up, or that is about to end
                if time.monotonic() > give_up:
                    await self._kill_whoever_is_there()
                    give_up = time.monotonic() + TAKEN_S
                await asyncio.sleep(TAKEN_POLL_S)
            except (OSError, places.UnsafePlace) as error:
                raise _cannot_start(error) from error

    async def _is_gone(self) -> bool:
        """Tell whether there was an agent whose process has ended, or does so in a moment."""
        if self._agent is None:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(GONE_S):
                await self._agent.wait()
                self._agent = None
        return self._agent is None

    async def _kill_whoever_is_there(self) -> None:
        """Kill an agent that has the place to itself and does not listen.

        Raises:
            PlaceTaken: It cannot be found.
            AgentError: It cannot be killed.
        """
        pid = await anyio.to_thread.run_sync(_find_agent, self.place.directory)
        if pid is None:
            raise PlaceTaken(f"another agent lives in {self.place.directory} and does not answer")
        self._agent = LocalAgent(self.place.directory, pid)
        await self.kill()

    async def _meet(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Connect to an agent that was just started."""
        try:
            return await connect(self.place.directory, on_messages, on_lost, hello)
        except AgentError as error:
            if self._agent is not None and proc.is_zombie(self._agent.pid):
                raise AgentDied(str(error)) from error
            raise

    def twin(self, calls: bool | None = None) -> LocalNode:
        """Return this machine, for one more agent; `calls`: whether it makes Python calls, as this one if None."""
        return LocalNode(spool_directory=self._spool_directory, calls=self._calls if calls is None else calls)

    async def kill(self) -> None:
        """Kill the agent; what it knows is left to its successor.

        Raises:
            AgentError: Not even that ends it.
        """
        agent = self._agent
        if agent is None:
            return
        agent.kill()
        try:
            async with asyncio.timeout(KILL_S):
                await agent.wait()  # should this be broken off, `close` waits for it
        except TimeoutError:
            self._agent = None
            raise AgentError(f"the agent on this machine (process {agent.pid}) cannot be killed") from None
        self._agent = None

    def leave(self) -> None:
        """Have nothing more to do with the agent, which lives on."""
        if self._agent is not None:
            _left.add(self._agent)
        self._agent = self._place = None

    async def close(self, patience_s: float, *, keeps: bool = False) -> None:
        """Wait for an agent that was told to end; end it if it takes longer than `patience_s`.

        Args:
            patience_s: Seconds.
            keeps: Leave what the agent knows and nobody has acknowledged where it is.
        """
        agent = self._agent
        if agent is not None:
            try:
                async with asyncio.timeout(patience_s):
                    await agent.wait()
            except TimeoutError:
                if self._agent is None:  # it turned out to obey another driver
                    return
                agent.kill()
                await agent.wait()
        self._agent = None
        _reap_left()
        if self._place is not None:
            await anyio.to_thread.run_sync(_clear, self._place, keeps)
