"""What makes a runner: three methods, so that a user writes one in thirty lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, Protocol

from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus


class RunState(Protocol):
    """What `AbstractRunner.add` returns: anything with a status. `Run` is one, `RunHandle` another."""

    @property
    def status(self) -> RunStatus:
        """Where the run stands."""

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the number of the signal; None before the end."""


class RunHandle:
    """A run as the simplest runner knows it: its owner sets the attributes."""

    def __init__(self) -> None:
        self.status: RunStatus = "pending"
        self.returncode: int | None = None
        self.task: Awaitable[Any] | None = None


class AbstractRunner(ABC):
    """Takes in commands and sees them through.

    `multirun(runner=...)` accepts any implementation. Of one that has these three methods only, it prepares the run
    directories itself; such a runner decides alone how many runs it starts at a time.
    """

    @abstractmethod
    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> RunState:
        """Take in a run of `cmd` in the existing directory `cwd`; return a handle at once, pending."""

    @abstractmethod
    async def gather(self) -> None:
        """Wait until every run added so far, or meanwhile, has ended; how they ended is no exception."""

    @abstractmethod
    def compute_statistics(self) -> RunStatistics:
        """Count the runs by status."""
