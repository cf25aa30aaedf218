"""A driver in a process of its own, so that it can be interrupted, stopped and killed."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path
from typing import Any

from ..integration.support import PATIENCE_S, agents_of, home_of_agent, is_alive, processes_of, wait_until

#: Makes its standard input the controlling terminal, as a shell's child has one; then becomes the driver.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)

#: What every driver begins with; it runs in a directory of its own and writes what became of it to ``report.json``.
_BEGIN = """
import asyncio, json, os, sys
from runsemble import *

def report(result, **facts):
    facts["runs"] = [[run.status, str(run.cause), run.returncode, run.attempts] for run in result]
    with open("report.tmp", "w") as file:
        json.dump(facts, file)
    os.rename("report.tmp", "report.json")
"""


class DriverProcess:
    """A running driver.

    Args:
        here: Its directory; ``out`` in it is taken to be the study's.
        script: Its program, after `_BEGIN`.
        on_terminal: Whether it gets a terminal of its own.
    """

    def __init__(self, here: Path, script: str, on_terminal: bool = False) -> None:
        self.here = here
        self.output_path = here / "out"
        path = here / "driver.py"
        path.write_text(_BEGIN + textwrap.dedent(script))
        self._terminal = -1
        argv = [sys.executable, str(path)]
        if on_terminal:
            self._terminal, end = pty.openpty()
            termios.tcsetwinsize(end, (25, 100))
            argv = [sys.executable, "-c", _ON_TERMINAL, *argv]
            self.process = subprocess.Popen(argv, cwd=here, stdin=end, stdout=end, stderr=end, start_new_session=True)
            os.close(end)
            os.set_blocking(self._terminal, False)
        else:
            with open(here / "said", "wb") as said:
                self.process = subprocess.Popen(
                    argv, cwd=here, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
                )
        self._said = ""
        self._homes: set[str] = set()  #: directories of all agents seen

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def agents(self) -> list[int]:
        """Process ids of its agents."""
        pids = agents_of(self.pid)
        self._homes.update(filter(None, map(home_of_agent, pids)))
        return pids

    @property
    def said(self) -> str:
        """What it has written to its terminal, or to stdout and stderr."""
        if self._terminal < 0:
            return (self.here / "said").read_text()
        try:
            while chunk := os.read(self._terminal, 65536):
                self._said += chunk.decode(errors="replace")
        except (BlockingIOError, OSError):  # nothing more now; or nobody holds the other end any more
            pass
        return self._said

    def wait_said(self, words: str, times: int = 1) -> None:
        """Wait until it has said something, so many times."""
        try:
            wait_until(f"the driver said {words!r}", lambda: self.said.count(words) >= times)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it said: {self.said!r}") from None

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C on its terminal."""
        os.write(self._terminal, b"\x03")

    def wait_running(self, *names: str) -> dict[str, int]:
        """Wait until runs with these directories have written their process ids to ``pid``; return those."""
        return {name: int(wait_until(f"{name} runs", lambda n=name: self._pid_of(n))) for name in names}  # type: ignore[misc]

    def wait_end(self, impatiently: bool = False) -> int:
        """Wait for its end, pressing Ctrl-C all the while if impatient; return its exit status."""
        give_up = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            _ = self.said  # a full terminal would hold it up
            if impatiently:
                self.press_ctrl_c()
            if time.monotonic() > give_up:
                raise TimeoutError(f"the driver does not end; it said: {self.said}")
            time.sleep(0.01)
        return self.process.returncode

    def wait_nothing_left(self, *agents: int) -> bool:
        """Wait until no process of the study, no agent, and no directory of an agent is left; raise if that fails."""
        wait_until("no run is left", lambda: not processes_of(self.output_path))
        wait_until("no agent is left", lambda: not any(map(is_alive, agents)))
        wait_until("no agent's directory is left", lambda: not any(map(os.path.exists, self._homes)))
        return True

    @property
    def report(self) -> dict[str, Any]:
        """What it has reported."""
        path = self.here / "report.json"
        assert path.exists(), f"the driver reported nothing; it said: {self.said}"
        report: dict[str, Any] = json.loads(path.read_text())
        return report

    def close(self) -> None:
        """Make sure that nothing of it is left."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if self._terminal >= 0:
            os.close(self._terminal)
        for home in self._homes:
            shutil.rmtree(home, ignore_errors=True)

    def _pid_of(self, name: str) -> str:
        path = self.output_path / name / "pid"
        return path.read_text().strip() if path.exists() else ""
