"""What Ctrl-C means to a study in a loop of ours: once, drain; twice, stop; three times, kill."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import Any, Protocol

from runsemble.model.resources import count_of


class Interruptible(Protocol):
    """A study as far as Ctrl-C is concerned; each method returns how many runs are still running."""

    def drain(self) -> int:
        """Start nothing more."""

    def halt(self, how: str) -> int:
        """End what runs: "stop" or "kill"."""


class Interrupts:
    """Counts Ctrl-C, and passes it on to the study at work."""

    def __init__(self) -> None:
        self.count = 0
        self.study: Interruptible | None = None
        self.result: Any = None  #: of the study, as far as it has come
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._early = 0  #: those that came before there was anything to interrupt

    def begin(self, study: Interruptible, result: Any) -> None:
        """Note what Ctrl-C means from now on."""
        self.study = study
        self.result = result

    def bind(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        """Note what to cancel while there is no study."""
        self._loop = loop
        self._task = task
        for _ in range(self._early):
            self.interrupt()

    def as_error(self) -> KeyboardInterrupt:
        """Return what to raise once everything has ended."""
        error = KeyboardInterrupt("the study was interrupted; the runs so far are in .result")
        error.result = self.result  # type: ignore[attr-defined]
        return error

    def interrupt_from_thread(self) -> None:
        """Do what `interrupt` does, from another thread than the loop's."""
        if self._loop is None:
            self._early += 1
        else:
            self._loop.call_soon_threadsafe(self.interrupt)

    def interrupt(self) -> None:
        """React to one more Ctrl-C."""
        self.count += 1
        if self.study is None:
            if self._task is not None:
                self._task.cancel()
            return
        if self.count == 1:
            running = self.study.drain()
            self._say(f"no further run is started; {count_of(running, 'run')} still running (Ctrl-C again ends them)")
        elif self.count == 2:
            running = self.study.halt("stop")
            self._say(f"ending {count_of(running, 'run')} (Ctrl-C again kills them)")
        else:
            self.study.halt("kill")

    def _say(self, line: str) -> None:
        sys.stderr.write(f"\n{line}\n")


#: The interrupts of the loop of ours in which this code runs, None in a caller's loop.
CURRENT: ContextVar[Interrupts | None] = ContextVar("runsemble_interrupts", default=None)
