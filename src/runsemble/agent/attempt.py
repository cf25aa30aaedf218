"""One attempt as the agent knows it, from request to exit."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cgroup import RunCgroup
    from .spawn import Plan


class Lease:
    """A grant of the driver's pool, on loan to the agent."""

    __slots__ = ("cores", "env", "id", "lane")

    def __init__(self, id: int, lane: int, cores: list[int], env: dict[bytes, bytes]) -> None:  # noqa: A002
        self.id = id
        self.lane = lane  #: runs of one lane may follow each other on the same lease
        self.cores = frozenset(cores)  #: pin to these; empty: do not pin
        self.env = env  #: what the run sees of its grant


class Attempt:
    """One attempt of one step of one run."""

    __slots__ = (
        "argv", "attempt", "booted_s", "cgroup", "cleared_by", "cwd", "directory", "ended_at", "ended_by", "env",
        "files", "id", "key", "lane", "lease", "max_rss_kib", "metrics_offset", "params", "peak_kib", "pid", "plan",
        "run", "started", "started_at", "status", "step", "survivors", "system_s", "user_s",
    )  # fmt: skip

    def __init__(
        self, plan: Plan, run: int, attempt: int, step: int, id: int, directory: bytes, params: str,  # noqa: A002
        files: list[list[Any]] | None, argv: list[bytes], env: dict[bytes, bytes], cwd: bytes, lane: int, key: str,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.run = run
        self.attempt = attempt
        self.step = step
        self.id = id  #: of the run, for people
        self.directory = directory
        self.params = params
        self.files = files  #: of its own: name, text, permission bits
        self.argv = argv
        self.env = env
        self.cwd = cwd  #: where the command starts, seen from the directory; empty: there
        self.lane = lane
        self.key = key
        self.lease: Lease | None = None
        self.cgroup: RunCgroup | None = None
        self.pid = 0  #: of the leader; also its group and its session
        self.started = 0.0  #: UTC epoch
        self.started_at = 0.0  #: monotonic
        self.booted_s = 0.0  #: since boot
        self.ended_at = 0.0  #: monotonic; 0.0 while the leader lives
        self.ended_by: str | None = None
        self.cleared_by = 0.0  #: when to give up on its orphans, monotonic
        self.status: int | None = None
        self.user_s = 0.0
        self.system_s = 0.0
        self.max_rss_kib = 0
        self.peak_kib = 0  #: as the memory watch saw it, all processes together
        self.survivors = 0
        self.metrics_offset = 0

    def add_usage(self, usage: Any) -> None:
        """Add what one of its processes used, as `os.wait4` reports it."""
        self.user_s += usage.ru_utime
        self.system_s += usage.ru_stime
        if usage.ru_maxrss > self.max_rss_kib:
            self.max_rss_kib = usage.ru_maxrss
