"""What the store tells of runs and attempts, and how it writes it down."""

from __future__ import annotations

from typing import Any, NamedTuple

from runsemble import codec
from runsemble.model.result import Usage, describe_end
from runsemble.model.status import Cause, StoredStatus

#: States by their number in the file. New ones are only ever appended.
STATUSES: tuple[StoredStatus, ...] = ("pending", "success", "failure", "killed", "aborted", "running", "skipped")
STATUS_NUMBER: dict[StoredStatus, int] = {state: number for number, state in enumerate(STATUSES)}

#: Causes by their number in the file. New ones are only ever appended.
CAUSES: tuple[Cause, ...] = (
    Cause.OK, Cause.EXIT, Cause.SIGNAL, Cause.TIMEOUT, Cause.OOM, Cause.WALLTIME, Cause.PREEMPTED, Cause.NODE_LOST,
    Cause.AGENT_LOST, Cause.LAUNCH_ERROR, Cause.STAGING, Cause.DISK_FULL, Cause.HOOK, Cause.DEPENDENCY, Cause.ABORTED,
    Cause.KILLED, Cause.CANCELLED,
)  # fmt: skip
CAUSE_NUMBER: dict[Cause | None, int | None] = {None: None, **{cause: number for number, cause in enumerate(CAUSES)}}


def cause_of(number: int | None) -> Cause | None:
    """Return the cause with this number in the file."""
    return None if number is None else CAUSES[number]


class NewRun(NamedTuple):
    """A run as it is taken into the store; the fields are those of the query ``add_runs``.

    sqlite3 looks long for an adapter of None and of bytes. Of a million runs that was half of what writing them took
    (benchmarks/scale.py), so here an empty text stands for nothing, and an identity is a bytearray.
    """

    id: int
    recipe: int
    params_text: str
    own: str = ""
    directory: str | bytes = ""  #: as `to_store` has it
    identity: bytearray | None = None


class StoredRun(NamedTuple):
    """A run as the store knows it; the fields are those of the queries over runs."""

    id: int
    recipe: int
    params_text: str
    own: str | None
    directory: str | None  #: relative to the study's, or absolute; None: the id
    status_number: int
    cause_number: int | None
    attempt: int  #: attempts made
    step: int  #: the step that comes next, or was last
    returncode: int | None
    words: str | None
    forgiven: int = 0  #: attempts before it was queued again, which count against no limit

    @property
    def status(self) -> StoredStatus:
        """Where it stands."""
        return STATUSES[self.status_number]

    @property
    def cause(self) -> Cause | None:
        """Why its last attempt ended; None before the first one did."""
        return cause_of(self.cause_number)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, with their types; a new dict on every access."""
        return dict(codec.decode(self.params_text)) if self.params_text else {}

    @property
    def message(self) -> str:
        """How the last attempt ended, in a few words; empty before."""
        return self.words or ("" if self.cause is None else describe_end(self.cause, self.returncode, None))


class StoredAttempt(NamedTuple):
    """An attempt at a step of a run; the fields are those of the query ``record_attempts``."""

    run: int
    attempt: int
    step: int
    started: float | None = None  #: UTC epoch seconds; None: never started
    node: str | None = None
    pid: int | None = None
    cores: str | None = None  #: ids, separated by commas
    gpus: str | None = None
    cause_number: int | None = None  #: None: under way
    returncode: int | None = None
    words: str | None = None
    wall_s: float | None = None
    user_s: float | None = None
    system_s: float | None = None
    max_rss_bytes: int | None = None
    rss_floor_bytes: int | None = None
    tail: str | None = None

    @property
    def cause(self) -> Cause | None:
        """Why it ended; None while it is under way."""
        return cause_of(self.cause_number)

    @property
    def ended(self) -> float | None:
        """When it ended, UTC epoch seconds; None if nobody knows, or it is under way."""
        return None if self.started is None or self.wall_s is None else self.started + self.wall_s

    @property
    def usage(self) -> Usage | None:
        """What it used; None if it never ran, or is under way."""
        if self.wall_s is None:
            return None
        return Usage(
            self.wall_s, self.user_s or 0.0, self.system_s or 0.0, self.max_rss_bytes or 0, self.rss_floor_bytes or 0
        )

    @property
    def message(self) -> str:
        """How it ended, in a few words; empty while it is under way."""
        return self.words or ("" if self.cause is None else describe_end(self.cause, self.returncode, None))


class EndedRun(NamedTuple):
    """An end of a run, and where the run stands by now; the fields are those of the query ``ended_after``."""

    seq: int  #: number of the end
    id: int  #: of the run
    directory: str | None  #: see `StoredRun`
    status_number: int
    result_kind: str | None  #: see `agent.harvest.result_in`

    @property
    def status(self) -> StoredStatus:
        """Where the run stands."""
        return STATUSES[self.status_number]


class SampledAttempt(NamedTuple):
    """What others can learn from an attempt that has ended; the fields are those of the query ``sample_attempts``."""

    run: int
    attempt: int
    recipe: int
    own: str | None
    step: int
    cause_number: int
    wall_s: float
    user_s: float
    system_s: float
    max_rss_bytes: int

    @property
    def cause(self) -> Cause:
        """Why it ended."""
        return CAUSES[self.cause_number]


class RunUpdate(NamedTuple):
    """Where a run stands now; the fields are those of the query ``record_runs``."""

    status_number: int
    cause_number: int | None
    attempt: int
    step: int
    returncode: int | None
    words: str | bytes | None  #: as `to_store` has it
    id: int


class AgentPlace(NamedTuple):
    """An agent that may know what the store does not."""

    place: str  #: its directory
    spool: str
    node: str
    epoch: int  #: of the driver that started it
    guest: str | None = None  #: whose it is, None: the driver's


class Claim(NamedTuple):
    """A run that is a guest's."""

    run: int
    guest: str
    status_number: int

    @property
    def status(self) -> StoredStatus:
        """Where the run stands."""
        return STATUSES[self.status_number]
