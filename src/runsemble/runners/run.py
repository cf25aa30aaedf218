"""What a user sees of a run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from runsemble import codec
from runsemble.inrun import RESULTS_FILE
from runsemble.inrun.failures import read_exception
from runsemble.model.result import Usage
from runsemble.model.status import Cause, RunStatus, is_terminal
from runsemble.runners.job import Job
from runsemble.workdir.keep import is_pruned
from runsemble.workdir.layout import post_of
from runsemble.workdir.results import read_posted

if TYPE_CHECKING:
    from runsemble.runners.table import RunTable


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
        return self._table.job(self.id)

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
        output_path = self._table.output_path
        rescued = None if output_path is None else post_of(output_path, self.id)
        return read_posted(entry.result, os.path.join(entry.directory, RESULTS_FILE), allow_pickle, rescued)

    @property
    def exception(self) -> BaseException | None:
        """The exception that ended the function of a failed run; None if there was none.

        Its ``__cause__`` holds the traceback as it was in the run. One that cannot be rebuilt here is described by a
        `CallFailed`.
        """
        entry = self._table.entry(self.id)
        return None if isinstance(entry, Job) or entry.status != "failure" else read_exception(entry.directory)

    @property
    def run_dir(self) -> str:
        """Absolute path of the run's directory."""
        return self._table.entry(self.id).directory

    @property
    def stdout(self) -> str | None:
        """Path of the file with the standard output; None where it is not kept as a file."""
        return self._output("stdout")

    @property
    def stderr(self) -> str | None:
        """Path of the file with the standard error, the same as `stdout` where they were merged."""
        return self._output("stderr")

    @property
    def trail(self) -> str | None:
        """Where to look for what became of it: the file with its standard error, else its directory; None: nowhere."""
        return None if self._is_pruned else self.stderr or self.run_dir

    @property
    def _is_pruned(self) -> bool:
        entry = self._table.entry(self.id)
        return not isinstance(entry, Job) and is_pruned(self._table.keep, entry.status)

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
        return None if isinstance(entry, Job) else entry.used

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
        if self._is_pruned:
            return None
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
            why = f" (keep={self._table.keep!r})" if self._is_pruned else ""
            raise FileNotFoundError(f"the output of run {self.id} was not kept{why}")
        with open(path, "rb") as file:
            if tail is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - tail))
            return file.read()
