"""A driver reduced to its socket: talks to a real agent in frames, message by message."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runsemble.agent import place
from runsemble.agent.frames import Unpacker, pack
from runsemble.agent.protocol import READY, VERSION, Exit
from runsemble.nodes.local import AGENT_PROGRAM, agent_argv, agent_environment

from ..integration.support import PATIENCE_S, is_alive, wait_until

Message = list[Any]


class Agent:
    """An agent process, started by hand.

    Args:
        directory: Where it lives.
        python: The interpreter of an agent that starts programs only.
        calls: Whether it starts Python calls, too.
    """

    def __init__(self, directory: str, python: str = sys.executable, calls: bool = False) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            agent_argv(directory, calls=True) if calls else [python, "-I", "-S", AGENT_PROGRAM, "serve", directory],
            env=agent_environment(directory, calls),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.strip() == READY.encode(), self.complaint

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def complaint(self) -> str:
        """What it wrote to stderr or its log."""
        try:
            return Path(place.log_path(self.directory)).read_text()
        except FileNotFoundError:
            return ""

    @property
    def is_there(self) -> bool:
        """Whether its directory still exists."""
        return os.path.exists(self.directory)

    def kill(self) -> None:
        """End it at once, as the out-of-memory killer would."""
        self.process.kill()
        self.process.wait()

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for it to end; return its exit status."""
        return self.process.wait(patience_s)

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class RawDriver:
    """One connection to an agent.

    Args:
        agent: Where to connect.
        hello: Fields of the first message that differ from the usual ones; None: say nothing at first.
    """

    def __init__(self, agent: Agent, hello: dict[str, Any] | None) -> None:
        self.heard: list[Message] = []
        self.is_closed = False
        self._unpacker = Unpacker()
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream.connect(place.socket_path(agent.directory))
        self.stream.settimeout(0.05)
        if hello is not None:
            self.say_hello(**hello)

    def say_hello(self, **changes: Any) -> None:
        """Introduce ourselves."""
        usual = {
            "version": VERSION, "epoch": 1, "orphans": "kill", "linger_s": 0.0, "grace_s": 0.5, "survivors": "kill",
            "keeps": [],
        }  # fmt: skip
        self.send("hello", {**usual, **changes})

    def send(self, *message: Any) -> None:
        """Send one message in a frame of its own."""
        self.stream.sendall(pack([list(message)]))

    def plan(self, number: int = 1, **changes: Any) -> None:
        """Tell what runs have in common."""
        usual: dict[str, Any] = {
            "directory": "new", "env": {"PATH": os.environ["PATH"]}, "output": "files", "stage": [], "timeout_s": None,
            "mem_mib": 0, "call": None,
        }  # fmt: skip
        self.send("plan", number, {**usual, **changes})

    def run(
        self, number: int, directory: Path, *argv: str, attempt: int = 1, plan: int = 1, waits: bool = False,
        params: str = "{}", cores: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """Start a run, or let it wait for another one's lease."""
        lease = None if waits else [100 + number, list(cores), {}]
        place = str(directory / str(number))
        self.send("run", plan, number, attempt, 0, number, place, params, None, list(argv), {}, None, 0, lease)

    def listen(self) -> None:
        """Take in what has arrived, waiting a moment if nothing has."""
        try:
            data = self.stream.recv(1 << 20)
        except TimeoutError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.is_closed = True
        self.heard += self._unpacker.feed(data)

    def hear(self, kind: str, is_meant: Callable[[Message], bool] = lambda message: True) -> Message:
        """Wait for a message."""
        message: Message = self._wait_for(f"{kind!r} was heard", lambda: next(filter(is_meant, self.all(kind)), None))
        return message

    def hear_exit(self, number: int) -> Exit:
        """Wait for the end of a run."""
        return Exit(*self.hear("exit", lambda message: message[2] == number)[1:])

    def hear_end(self) -> None:
        """Wait until the agent has closed the connection."""
        self._wait_for("the agent closed the connection", lambda: self.is_closed or None)

    def hear_current(self) -> None:
        """Wait until the agent has told everything that it has to tell to a new driver."""
        self.hear("current")

    def all(self, kind: str) -> list[Message]:
        """Return every message of a kind that was heard so far."""
        return [message for message in self.heard if message[0] == kind]

    @property
    def exits(self) -> list[Exit]:
        """The ends of runs that were heard so far."""
        return [Exit(*message[1:]) for message in self.all("exit")]

    def acknowledge(self, seq: int) -> None:
        """Let the agent forget."""
        self.send("ack", seq)

    def close(self) -> None:
        """Hang up."""
        self.stream.close()

    def _wait_for(self, what: str, look: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + PATIENCE_S
        while (seen := look()) is None:
            if time.monotonic() > give_up:
                raise TimeoutError(f"in vain waited until {what}; heard: {self.heard}")
            if self.is_closed:
                raise ConnectionError(f"the agent hung up before {what}; heard: {self.heard}")
            self.listen()
        return seen


def pid_in(path: Path) -> int:
    """Wait until a run has written its process id into a file; return it."""
    return int(wait_until(f"{path} holds a number", lambda: path.exists() and path.read_text().strip()))


def wait_gone(pid: int) -> None:
    """Wait until a process has ended."""
    wait_until(f"process {pid} is gone", lambda: not is_alive(pid))
