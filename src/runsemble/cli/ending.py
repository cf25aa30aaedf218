"""How the execution of a study ended, and what its exit status is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from runsemble.cli import exits
from runsemble.ensemble.multirun import wants_progress
from runsemble.model.stats import RunStatistics
from runsemble.runners.interrupts import CURRENT
from runsemble.sched.policy import Halt


class Executed(Protocol):
    """What came of a study."""

    @property
    def halted(self) -> Halt | None:
        """What it was given up for, None if it was not."""

    @property
    def statistics(self) -> RunStatistics:
        """How many runs are in which state."""


E = TypeVar("E", bound=Executed)


@dataclass(slots=True)
class Ending(Generic[E]):
    """How a study ended, as far as it came."""

    result: E | None = None
    problem: str = ""  #: what broke it off
    status: int | None = None  #: the exit status, where the runs do not decide it
    broken: list[str] = field(default_factory=list)  #: why the machinery gave up

    @property
    def exit_status(self) -> int:
        """What the command says at its end."""
        if self.status is not None:
            return self.status
        assert self.result is not None
        halted = self.result.halted
        if self.broken and halted is None:
            return exits.INFRASTRUCTURE
        if halted is not None and halted.what == "fail":
            return exits.ABORTED
        if halted is not None and halted.what == "success":
            return exits.OK
        return exits.FAILED if self.result.statistics.failure_count else exits.OK


def terminate(ending: Ending[Any]) -> None:
    """React to SIGTERM as to the second Ctrl-C, and to another one as to the third: end what runs."""
    how = "stop" if ending.status is None else "kill"
    ending.status = exits.TERMINATED
    interrupts = CURRENT.get()
    if interrupts is not None and interrupts.study is not None:
        interrupts.study.halt(how)
    else:
        raise SystemExit(exits.TERMINATED)


def wants_bar(options: dict[str, Any]) -> bool:
    """Tell whether the options of a command ask for a bar."""
    return options["progress"] and not options["quiet"] and wants_progress("auto")
