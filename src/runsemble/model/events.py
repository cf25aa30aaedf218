"""The event vocabulary: everything a runner tells the world. Who stores, draws or serves anything subscribes to it."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from runsemble.model.status import Cause, RunStatus


class RunAdded(NamedTuple):
    """A run was taken in; it is pending."""

    run: int


class RunStarted(NamedTuple):
    """An attempt at a step of a run has started."""

    run: int
    attempt: int
    node: str
    pid: int
    cores: tuple[int, ...]
    gpus: tuple[str, ...]
    time: float  #: UTC epoch seconds
    step: int = 0  #: of the run, from 0


class AttemptEnded(NamedTuple):
    """An attempt at a step has ended; `RunRetried`, `RunEnded` or the start of the next step follows."""

    run: int
    attempt: int
    cause: Cause
    returncode: int | None  #: exit code, or minus the signal; None if it never ran
    message: str  #: one line for people
    step: int = 0  #: of the run, from 0; without an error, the next one follows if there is one
    time: float = 0.0  #: when it had started, UTC epoch seconds; 0.0 if it never did


class RunRetried(NamedTuple):
    """A run is pending again."""

    run: int
    attempt: int  #: the attempt to come


class RunEnded(NamedTuple):
    """A run has reached its final status."""

    run: int
    status: RunStatus
    cause: Cause


class MetricReported(NamedTuple):
    """A run has reported figures."""

    run: int
    attempt: int
    time: float  #: UTC epoch seconds, by the run's own clock
    step: float | None
    metrics: dict[str, Any]


class AgentStarted(NamedTuple):
    """An agent can be reached."""

    node: str
    pid: int


class AgentLost(NamedTuple):
    """An agent has died; its runs are started again."""

    node: str
    runs: int  #: how many were under way there


class Paused(NamedTuple):
    """Nothing new is started for the time being."""

    reason: str


class Resumed(NamedTuple):
    """Runs are started again."""


class Aborted(NamedTuple):
    """Nothing new will be started any more."""

    reason: str


class FeedEnded(NamedTuple):
    """No further run will come."""

    total: int


class Note(NamedTuple):
    """Something a person should know."""

    text: str


Event: TypeAlias = (
    RunAdded
    | RunStarted
    | AttemptEnded
    | RunRetried
    | RunEnded
    | MetricReported
    | AgentStarted
    | AgentLost
    | Paused
    | Resumed
    | Aborted
    | FeedEnded
    | Note
)
