"""The runs of one study: active ones as jobs, finished ones as packed rows, each shown as a `Run` when asked for."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TypeAlias

from runsemble.model.files import OutputMode
from runsemble.model.resources import count_of
from runsemble.model.result import Usage
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause, RunStatus
from runsemble.runners.bus import EventBus
from runsemble.runners.job import Job
from runsemble.runners.run import Run
from runsemble.workdir.keep import Keep

_USAGE = struct.Struct("<dddQQ")


class Row(NamedTuple):
    """A run that has ended."""

    status: RunStatus
    cause: Cause
    returncode: int | None
    attempts: int
    params_text: str
    directory: str
    message: str
    usage: bytes | None
    result: tuple[str, Any] | None
    tail: str | None
    output: OutputMode
    step: int = 0  #: the one that was last

    @property
    def used(self) -> Usage | None:
        """What the last attempt used; None if none has ended."""
        return None if self.usage is None else Usage(*_USAGE.unpack(self.usage))


def pack_usage(usage: Usage) -> bytes:
    """Return what an attempt used as a row keeps it."""
    return _USAGE.pack(*usage)


#: Makes the row of the run with an id. One for all runs will do: so none of very many has an object of its own that the
#: garbage collector looks at again and again.
MakeRow: TypeAlias = Callable[[int], Row]


class Rows(Protocol):
    """Keeps the rows of ended runs."""

    def __contains__(self, id: object) -> bool:  # noqa: A002
        """Tell whether the row of a run is kept."""

    def __getitem__(self, id: int) -> Row:  # noqa: A002
        """Return the row of an ended run.

        Raises:
            LookupError: It is not kept.
        """

    def __setitem__(self, id: int, row: Row | MakeRow) -> None:  # noqa: A002
        """Take in the row of a run that has ended, or what makes it when it is asked for."""


class AllRows:
    """Keeps every row, in little memory: ids are dense."""

    def __init__(self) -> None:
        self._rows: list[Row | MakeRow | None] = []

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return isinstance(id, int) and 0 <= id < len(self._rows) and self._rows[id] is not None

    def __getitem__(self, id: int) -> Row:  # noqa: A002
        row = self._rows[id]
        if row is None:
            raise IndexError(id)
        if not isinstance(row, Row):
            row = self._rows[id] = row(id)
        return row

    def __setitem__(self, id: int, row: Row | MakeRow) -> None:  # noqa: A002
        if id >= len(self._rows):
            self._rows.extend([None] * (id + 1 - len(self._rows)))
        self._rows[id] = row


class LatestRows:
    """Keeps the rows of the latest ends only: the others are in a store.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._rows: dict[int, Row] = {}

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._rows

    def __getitem__(self, id: int) -> Row:  # noqa: A002
        return self._rows[id]

    def __setitem__(self, id: int, row: Row | MakeRow) -> None:  # noqa: A002
        self._rows.pop(id, None)
        self._rows[id] = row if isinstance(row, Row) else row(id)
        if len(self._rows) > self._count:
            del self._rows[next(iter(self._rows))]


class RunTable:
    """Every run of one study, by id.

    Args:
        above: The bus to which the study's events go on.
        base: What is added to the id of a run for its number, which no run of another study on the runner has.
        rows: Where ended runs are kept; all of them in memory when None.
    """

    def __init__(self, above: EventBus | None = None, base: int = 0, rows: Rows | None = None) -> None:
        self.bus = EventBus(above)
        self.base = base
        self.statistics = RunStatistics()
        self.keep: Keep = "all"  #: what stays of the directories of runs that have ended
        self.output_path: str | None = None  #: directory of the study; None: there is none
        self.is_untouched = True  #: none of the runs that have ended was ever started
        self.active_count = 0  #: runs that the engine has taken in and that have not ended
        self.next_id = 0  #: of the next run that is taken in without one
        self._jobs: dict[int, Job] = {}
        self._rows: Rows = rows or AllRows()
        self._waiters: dict[int, set[asyncio.Future[None]]] = {}
        self._tasks: dict[int, asyncio.Task[Run]] = {}

    def __len__(self) -> int:
        """Count the runs taken in so far."""
        return self.next_id

    def __getitem__(self, id: int) -> Run:  # noqa: A002
        """Return the run with this id."""
        if not 0 <= id < self.next_id:
            raise IndexError(id)
        return Run(self, id)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the runs in the order of their ids."""
        return (Run(self, at) for at in range(self.next_id))

    def __repr__(self) -> str:
        """Say how many runs there are."""
        return f"<RunTable {count_of(len(self), 'run')}>"

    def add(self, job: Job, *, is_known: bool = False) -> None:
        """Take in a run, pending.

        Args:
            job: The run.
            is_known: The statistics count it already.
        """
        self._jobs[job.id] = job
        self.next_id = max(self.next_id, job.id + 1)
        if not is_known:
            self.statistics.move(None, "pending")

    def restore(self, id: int, status: RunStatus, make: MakeRow) -> None:  # noqa: A002
        """Take in a run that has ended before.

        Args:
            id: Its id.
            status: How it has ended.
            make: Makes its row when that is asked for.
        """
        self._rows[id] = make
        self.next_id = max(self.next_id, id + 1)
        self.statistics.move(None, status)

    def drop_last(self, job: Job) -> None:
        """Take back the run that was taken in last: it makes no sense."""
        assert self._jobs.pop(job.id) is job
        self.next_id = job.id
        self.statistics.pending_count -= 1
        self.statistics.total_count -= 1

    def withdraw(self, job: Job) -> None:
        """Forget a run that waits: somebody else is going to see it through. The statistics go on counting it."""
        del self._jobs[job.id]
        self.active_count -= 1

    def entry(self, id: int) -> Job | Row:  # noqa: A002
        """Return what is known of a run.

        Raises:
            LookupError: It has ended, and is not kept in memory.
        """
        job = self._jobs.get(id)
        return self._rows[id] if job is None else job

    def is_kept(self, id: int) -> bool:  # noqa: A002
        """Tell whether anything is known of a run in memory."""
        return id in self._jobs or id in self._rows

    @property
    def jobs(self) -> list[Job]:
        """The runs that have not ended, in the order in which they were taken in."""
        return list(self._jobs.values())

    def job(self, id: int) -> Job | None:  # noqa: A002
        """Return a run as the engine has it, None once it has ended."""
        return self._jobs.get(id)

    @contextmanager
    def recalling(self, job: Job) -> Iterator[None]:
        """Let `job` find a run while the block runs, even if it has ended: something of its past is told."""
        has_ended = job.id not in self._jobs
        self._jobs[job.id] = job
        try:
            yield
        finally:
            if has_ended:
                del self._jobs[job.id]

    def end(self, job: Job) -> None:
        """Pack a run that has ended, and wake whoever waits for it."""
        machine = job.machine
        returncode, usage, result, tail = job.last
        assert machine.cause is not None
        self.is_untouched = self.is_untouched and not machine.made
        del self._jobs[job.id]
        self._rows[job.id] = Row(
            machine.status, machine.cause, returncode, machine.made, job.params_text, job.directory, job.message,
            pack_usage(usage) if usage else None, result, tail, job.plan.output, machine.step,
        )  # fmt: skip
        self.active_count -= job.is_submitted
        for waiter in self._waiters.pop(job.id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, id: int) -> Run:  # noqa: A002
        """Wait until a run has ended."""
        if id in self._jobs:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters = self._waiters.setdefault(id, set())
            waiters.add(waiter)
            try:
                await waiter
            finally:
                waiters.discard(waiter)
        return Run(self, id)

    def task(self, id: int) -> asyncio.Task[Run] | None:  # noqa: A002
        """Return the task that ends with a run, the same one until it is cancelled; None where no event loop runs."""
        task = self._tasks.get(id)
        if task is None or task.cancelled():
            try:
                task = asyncio.get_running_loop().create_task(self.wait(id))
            except RuntimeError:
                return None
            self._tasks[id] = task
        return task
