"""How a stored study is to be executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import Showing


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a stored study is to be executed."""

    max_concurrency: int | None = None  #: runs at the same time; None: as many as the cores allow
    make_runner: Callable[[], PooledRunner] | None = None  #: makes the runner; None: one for this machine
    showing: Showing = field(default_factory=lambda: Showing(False))
    orphans: str = "finish"
    drains: bool = False  #: nothing is started; what runs already may finish
    only: Sequence[int] | None = None  #: ids of the runs to take; None: all that are pending
    counts_small: bool = True  #: whether runs of one core are counted by cores; see `ParallelLocalRunner`
    deadline_s: float | None = None  #: seconds after which what runs is ended, to be started again by the next driver
    repeats: int = 0  #: how often to begin anew when that time is over and something is pending; -1: without limit
    env: Mapping[str, str] = field(default_factory=dict)  #: further variables for everything that is started
    log: str | None = None  #: file in which the driver keeps a diary, absolute
    patience_s: float = 1.0  #: how long to wait for whoever holds the lease: a command does for a moment only
    allow_multiple: bool = False  #: take part as a guest where another process drives the study
    parallelism: int | None = None  #: agents that start runs, side by side; see `ParallelLocalRunner`
    profile: str | None = None  #: file for a profile of what the driver does, to be read by `pstats`
