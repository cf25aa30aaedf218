"""The command line in processes of its own, as a shell starts it, with and without a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sysconfig
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from .support import PATIENCE_S, wait_until

SCRIPTS = sysconfig.get_path("scripts")
PROGRAM = os.path.join(SCRIPTS, "runsemble")

#: For every test that starts it.
needs_program = pytest.mark.skipif(not os.path.exists(PROGRAM), reason=f"{PROGRAM} is not installed")

#: What the tests' own surroundings may hold that changes what is shown, or who a run takes itself for.
_UNWANTED = re.compile("NO_COLOR|FORCE_COLOR|COLUMNS|LINES|PYTHONIOENCODING|RUNSEMBLE_.*|_RUNSEMBLE_.*")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Said(NamedTuple):
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def results(self) -> dict[str, Any]:
        """What it printed as JSON."""
        value: dict[str, Any] = json.loads(self.out)
        return value

    @property
    def sentence(self) -> str:
        """The one complaint in what it said on stderr."""
        said = [line for line in self.err.splitlines() if line.startswith(("runsemble ", "Error: "))]
        assert len(said) == 1, f"it complained {len(said)} times: {self.err!r}"
        return said[0]


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return an environment in which ``runsemble`` and ``python`` are those that are tested; None removes."""
    env = {name: value for name, value in os.environ.items() if not _UNWANTED.fullmatch(name)}
    env["PATH"] = SCRIPTS + os.pathsep + env.get("PATH", os.defpath)
    for name, value in changes.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


def call(
    argv: Sequence[str | bytes],
    *,
    stdin: str | bytes | None = None,
    stdout: int = subprocess.PIPE,
    cwd: str | os.PathLike[str] | None = None,
    **env: str | None,
) -> Said:
    """Run a program to its end; without `stdin` it has nothing to read."""
    text = stdin.encode() if isinstance(stdin, str) else stdin
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    ended = subprocess.run(
        argv,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=environment(env),
        timeout=PATIENCE_S,
        check=False,
        **given,
    )
    return Said(ended.returncode, (ended.stdout or b"").decode(), ended.stderr.decode())


def runsemble(*words: str | bytes, **more: Any) -> Said:
    """Run ``runsemble`` with some arguments; see `call`."""
    return call([PROGRAM, *words], **more)


def in_shell(text: str, **more: Any) -> Said:
    """Run what somebody types into a shell; see `call`."""
    return call(["bash", "-c", text], **more)


def planned(*words: str | bytes, **more: Any) -> list[dict[str, Any]]:
    """Return the runs that ``runsemble run`` would start."""
    said = runsemble("run", "--dry-run", "--json", *words, **more)
    assert said.status == 0, said.err
    runs: list[dict[str, Any]] = said.results["runs"]
    return runs


class OnTerminal:
    """A program on a terminal of its own; a context manager, at whose end it is gone.

    Args:
        argv: The program.
        columns: Width of the terminal.
        env: See `environment`.
    """

    def __init__(self, argv: Sequence[str], columns: int = 80, env: Mapping[str, str | None] | None = None) -> None:
        self._terminal, end = pty.openpty()
        termios.tcsetwinsize(end, (50, columns))
        self.process = subprocess.Popen(
            argv,
            stdin=end,
            stdout=end,
            stderr=end,
            env=environment(env or {}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(end)
        self._written = b""

    def __enter__(self) -> OnTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._terminal)

    @property
    def raw(self) -> str:
        """Everything that it has written so far."""
        return self._written.decode(errors="replace")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def wait_said(self, words: str) -> None:
        """Wait until it has written something, escape sequences apart."""
        try:
            wait_until(f"the terminal showed {words!r}", lambda: self._read(0.0) and words in plain(self.raw))
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it showed {self.raw!r}") from None

    def wait_end(self) -> int:
        """Wait for the end of the program; return its exit status."""
        give_up = time.monotonic() + PATIENCE_S
        while self._read(0.1) and time.monotonic() < give_up:
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self, patience_s: float) -> bool:
        """Read what there is; False when the program has closed the terminal."""
        if not select.select([self._terminal], [], [], patience_s)[0]:
            return True
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:
            return False
        self._written += chunk
        return bool(chunk)


def plain(text: str) -> str:
    """Return a text without escape sequences."""
    return _ESCAPE.sub("", text)
