"""The runs of one study: active ones as jobs, finished ones as packed rows, each shown as a `Run` when asked for."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runsemble import codec
from runsemble.errors import ResultError
from runsemble.model.files import OutputMode
from runsemble.model.resources import count_of
from runsemble.model.result import Usage
from runsemble.model.stats import RunStatistics
from runsemble.model.status import Cause, RunStatus, is_terminal
from runsemble.runners.bus import EventBus
from runsemble.sched.machine import RunMachine
from runsemble.sched.policy import RetryPolicy
from runsemble.workdir.results import decode_result, read_result

if TYPE_CHECKING:
    from runsemble.model.resources import Shape
    from runsemble.runners.lease import Lease

_USAGE = struct.Struct("<dddQQ")


class Plan(NamedTuple):
    """What the runs of a study have in common once they are taken in."""

    number: int  #: as the agents know it
    fields: Mapping[str, Any]  #: the `plan` message
    shape: Shape
    tasks: int
    output: OutputMode
    retry: RetryPolicy
    is_sent_ahead: bool = True  #: whether runs may wait at an agent, to start before anybody here knows


def plan_fields(
    env: Mapping[str, str],
    directory: str,
    output: str,
    stage: Sequence[tuple[str, str, str]],
    timeout_s: float | None,
    mem_mib: int,
) -> dict[str, Any]:
    """Return the fields of a `plan` message; see `agent.protocol`."""
    return {
        "directory": directory,
        "env": dict(env),
        "output": output,
        "stage": [list(item) for item in stage],
        "timeout_s": timeout_s,
        "mem_mib": mem_mib,
    }


class End(NamedTuple):
    """How an attempt ended, beyond its cause."""

    returncode: int | None = None
    usage: Usage | None = None
    result: tuple[str, Any] | None = None  #: see `agent.harvest.result_in`
    tail: str | None = None  #: the end of its output


NO_END = End()


class Job:
    """A run that has not ended."""

    __slots__ = (
        "argv", "directory", "env", "files", "id", "is_submitted", "is_unwanted", "last", "lease", "machine",
        "message", "number", "params_text", "place", "plan", "stop_cause", "table",
    )  # fmt: skip

    def __init__(
        self, table: RunTable, number: int, plan: Plan, argv: list[str], directory: str,
        params_text: str, env: dict[str, str], files: list[tuple[str, str, int]] | None = None,
    ) -> None:  # fmt: skip
        self.table = table
        self.number = number  #: unique in the runner, for the agents
        self.id = len(table)  #: unique in the study, for people
        self.plan = plan
        self.argv = argv
        self.directory = directory
        self.params_text = params_text
        self.env = env
        self.files = files  #: of its own, with their texts
        self.machine = RunMachine()
        self.lease: Lease | None = None  #: held in this run's name
        self.place: object | None = None  #: where it was sent, as the engine knows it
        self.stop_cause: Cause | None = None  #: asked to stop, and why
        self.is_submitted = False  #: known to the engine
        self.is_unwanted = False  #: not to be started (again), but to finish if it runs
        self.message = ""  #: how the last attempt ended, for people
        self.last = NO_END  #: how the last attempt ended


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


class RunTable:
    """Every run of one study, by id.

    Args:
        above: The bus to which the study's events go on.
    """

    def __init__(self, above: EventBus | None = None) -> None:
        self.bus = EventBus(above)
        self.statistics = RunStatistics()
        self.is_untouched = True  #: none of the runs that have ended was ever started
        self.active_count = 0  #: runs that the engine has taken in and that have not ended
        self._entries: list[Job | Row] = []
        self._waiters: dict[int, set[asyncio.Future[None]]] = {}
        self._tasks: dict[int, asyncio.Task[Run]] = {}

    def __len__(self) -> int:
        """Count the runs taken in so far."""
        return len(self._entries)

    def __getitem__(self, id: int) -> Run:  # noqa: A002
        """Return the run with this id."""
        if not 0 <= id < len(self._entries):
            raise IndexError(id)
        return Run(self, id)

    def __iter__(self) -> Iterator[Run]:
        """Iterate over the runs in the order of their ids."""
        return (Run(self, at) for at in range(len(self._entries)))

    def __repr__(self) -> str:
        """Say how many runs there are."""
        return f"<RunTable {count_of(len(self), 'run')}>"

    def add(self, job: Job) -> None:
        """Take in a run, pending."""
        self._entries.append(job)
        self.statistics.move(None, "pending")

    def drop_last(self, job: Job) -> None:
        """Take back the run that was taken in last: it makes no sense."""
        assert self._entries[-1] is job
        self._entries.pop()
        self.statistics.pending_count -= 1
        self.statistics.total_count -= 1

    def entry(self, id: int) -> Job | Row:  # noqa: A002
        """Return what is known of a run."""
        return self._entries[id]

    @property
    def jobs(self) -> list[Job]:
        """The runs that have not ended; takes time proportional to all of them."""
        return [entry for entry in self._entries if isinstance(entry, Job)]

    def end(self, job: Job) -> None:
        """Pack a run that has ended, and wake whoever waits for it."""
        machine = job.machine
        returncode, usage, result, tail = job.last
        assert machine.cause is not None
        self.is_untouched = self.is_untouched and not machine.made
        self._entries[job.id] = Row(
            machine.status, machine.cause, returncode, machine.made, job.params_text, job.directory, job.message,
            _USAGE.pack(*usage) if usage else None, result, tail, job.plan.output,
        )  # fmt: skip
        self.active_count -= job.is_submitted
        for waiter in self._waiters.pop(job.id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, id: int) -> Run:  # noqa: A002
        """Wait until a run has ended."""
        if isinstance(self._entries[id], Job):
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


class Run:
    """A run: its parameters, where it stands, and what became of it.

    A `Run` can be awaited: that returns the run itself, once it has ended. How it ended is never an exception.
    """

    __slots__ = ("_table", "id")

    def __init__(self, table: RunTable, id: int) -> None:  # noqa: A002
        self._table = table
        self.id = id  #: position in its study, from 0

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, with their types; a new dict on every access."""
        text = self._table.entry(self.id).params_text
        return dict(codec.decode(text)) if text else {}

    @property
    def status(self) -> RunStatus:
        """One of ``skipped``, ``pending``, ``running``, ``success``, ``failure``."""
        entry = self._table.entry(self.id)
        return entry.machine.status if isinstance(entry, Job) else entry.status

    @property
    def is_done(self) -> bool:
        """Whether the status will not change any more."""
        return is_terminal(self.status)

    @property
    def table(self) -> RunTable:
        """The table that it is in; for runners."""
        return self._table

    @property
    def job(self) -> Job | None:
        """The run as the engine has it, None once it has ended; for runners."""
        entry = self._table.entry(self.id)
        return entry if isinstance(entry, Job) else None

    @property
    def cause(self) -> Cause | None:
        """Why the last attempt ended; None before the first one did."""
        entry = self._table.entry(self.id)
        return entry.machine.cause if isinstance(entry, Job) else entry.cause

    @property
    def message(self) -> str:
        """How it ended, in a few words; empty before."""
        return self._table.entry(self.id).message

    @property
    def last_words(self) -> str | None:
        """The last line that a failed run wrote to stderr, None if it wrote nothing or did not fail."""
        entry = self._table.entry(self.id)
        if isinstance(entry, Job) or not entry.tail or entry.status != "failure":
            return None
        return entry.tail.strip().rpartition("\n")[2]

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the number of the signal; None before the end, or if it never ran."""
        entry = self._table.entry(self.id)
        return None if isinstance(entry, Job) else entry.returncode

    @property
    def result(self) -> Any:
        """What the run posted, decoded anew on every access; None if it posted nothing.

        Raises:
            ResultError: What it left cannot be read.
        """
        return self.read_result()

    def read_result(self, *, allow_pickle: bool = True) -> Any:
        """Return what the run posted; None if it posted nothing.

        Args:
            allow_pickle: Load a result that is no plain data. That runs code from a file of this user's.

        Raises:
            ResultError: What it left cannot be read, or is a pickle and `allow_pickle` is false.
        """
        entry = self._table.entry(self.id)
        if isinstance(entry, Job) or entry.result is None:
            return None
        return read_posted(entry.result, os.path.join(entry.directory, "results.json"), allow_pickle)

    @property
    def run_dir(self) -> str:
        """Absolute path of the run's directory."""
        return self._table.entry(self.id).directory

    @property
    def stdout(self) -> str | None:
        """Path of the file with the standard output; None where it was not kept as a file."""
        return self._output("stdout")

    @property
    def stderr(self) -> str | None:
        """Path of the file with the standard error, the same as `stdout` where they were merged."""
        return self._output("stderr")

    def read_stdout(self, tail: int | None = None) -> bytes:
        """Return the standard output, or its last `tail` bytes.

        With ``output="tail"`` that is what was kept of both streams.

        Raises:
            FileNotFoundError: The run has not started yet, or its output was discarded.
        """
        return self._read_output("stdout", tail)

    def read_stderr(self, tail: int | None = None) -> bytes:
        """Return the standard error, or its last `tail` bytes; see `read_stdout`."""
        return self._read_output("stderr", tail)

    @property
    def attempts(self) -> int:
        """How many attempts were made; 0 before the first one."""
        entry = self._table.entry(self.id)
        return entry.machine.made if isinstance(entry, Job) else entry.attempts

    @property
    def usage(self) -> Usage | None:
        """What the last attempt used; None if none has ended."""
        entry = self._table.entry(self.id)
        if isinstance(entry, Job) or entry.usage is None:
            return None
        return Usage(*_USAGE.unpack(entry.usage))

    @property
    def task(self) -> asyncio.Task[Run] | None:
        """A task that ends when the run does; None where no event loop runs."""
        return self._table.task(self.id)

    def __await__(self) -> Generator[Any, None, Run]:
        """Wait until the run has ended; return it."""
        return self._table.wait(self.id).__await__()

    def __eq__(self, other: object) -> bool:
        """Two views of one run are equal."""
        return isinstance(other, Run) and (self._table, self.id) == (other._table, other.id)

    def __hash__(self) -> int:
        """Hash as `__eq__` compares."""
        return hash((id(self._table), self.id))

    def __repr__(self) -> str:
        """Say which run it is and where it stands."""
        cause = self.cause
        why = f" ({self.message or cause})" if cause not in (None, Cause.OK) else ""
        return f"<Run {self.id} {self.status}{why} {self.params}>"

    def _output(self, name: str) -> str | None:
        entry = self._table.entry(self.id)
        mode = entry.plan.output if isinstance(entry, Job) else entry.output
        if mode == "files":
            return os.path.join(entry.directory, name)
        return os.path.join(entry.directory, "output") if mode == "merged" else None

    def _read_output(self, name: str, tail: int | None) -> bytes:
        entry = self._table.entry(self.id)
        if not isinstance(entry, Job) and entry.output == "tail":
            kept = (entry.tail or "").encode("utf-8", "surrogateescape")
            return kept if tail is None else kept[len(kept) - min(tail, len(kept)) :]
        path = self._output(name)
        if path is None:
            raise FileNotFoundError(f"the output of run {self.id} was not kept")
        with open(path, "rb") as file:
            if tail is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - tail))
            return file.read()


def read_posted(result: tuple[str, Any], path: str, allow_pickle: bool) -> Any:
    """Return the value of a result as the agent found it; see `agent.harvest.result_in`.

    Raises:
        ResultError: It cannot be read.
    """
    kind, what = result
    if kind == "text":
        return decode_result(what.encode("utf-8", "surrogateescape"), path, allow_pickle)
    if kind == "file":
        return read_result(path, allow_pickle)
    raise ResultError(f"{path} {what}, so it is not read", path=path)
