"""What a user sees of a run of a stored study."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from runsemble.agent.rotation import LOG
from runsemble.errors import ResultError
from runsemble.inrun import RESULTS_FILE
from runsemble.inrun.failures import read_exception
from runsemble.model.files import OutputMode
from runsemble.model.result import Usage
from runsemble.model.status import Cause, StoredStatus
from runsemble.store.records import StoredAttempt, StoredRun
from runsemble.workdir.keep import Keep, is_pruned
from runsemble.workdir.layout import post_of, run_directory
from runsemble.workdir.results import read_posted


@dataclass(frozen=True, slots=True)
class EnsembleRun:
    """A run of an ensemble, as it stood when it was looked up."""

    id: int  #: its number in the ensemble
    params: dict[str, Any]  #: its parameters, with their types
    status: StoredStatus  #: pending, running, success, failure, killed, aborted or skipped
    cause: Cause | None  #: why its last attempt ended; None before the first one did
    message: str  #: how it ended, in a few words; empty before
    returncode: int | None  #: exit code, or minus the number of the signal; None if it never ran
    attempts: int  #: how many were made
    step: int  #: the step that comes next, or was last, from 0
    run_dir: str  #: absolute path of its directory, which may not exist yet
    output: OutputMode  #: what becomes of its output
    last_attempt: StoredAttempt | None = None  #: the latest one, under way or ended
    study_dir: str = ""  #: absolute path of the directory of its study
    keep: Keep = "all"  #: what stays of the directories of runs that have ended
    _posted: tuple[str, str] | None = field(default=None, repr=False)
    _own: str | None = field(default=None, repr=False)

    @property
    def result(self) -> Any:
        """What it posted, decoded anew on every access; None if it posted nothing.

        Raises:
            ResultError: What it left cannot be read.
        """
        return self.read_result()

    def read_result(self, *, allow_pickle: bool = True) -> Any:
        """Return what it posted; None if it posted nothing.

        Args:
            allow_pickle: Load a result that is no plain data. That runs code from a file of this user's.

        Raises:
            ResultError: What it left cannot be read, or is a pickle and `allow_pickle` is false.
        """
        if self._posted is None:
            return None
        apart = post_of(self.study_dir, self.id)
        path = apart if self.output == "log" else os.path.join(self.run_dir, RESULTS_FILE)
        return read_posted(self._posted, path, allow_pickle, rescued=apart)

    @property
    def has_result(self) -> bool:
        """Whether it posted anything, None included."""
        return self._posted is not None

    @property
    def exception(self) -> BaseException | None:
        """The exception that ended the function or the hook of a failed run; None if there was none.

        Its ``__cause__`` holds the traceback as it was in the run. One that cannot be rebuilt here is described by a
        `CallFailed`. Reading it runs code from a file of this user's.
        """
        return read_exception(self.run_dir) if self.status in ("failure", "aborted") else None

    @property
    def memo(self) -> Any:
        """What whoever made it wanted to find again with it, see `RunSpec`; None if nothing."""
        return None if self._own is None else json.loads(self._own).get("memo")

    @property
    def usage(self) -> Usage | None:
        """What its last attempt used; None if none has ended."""
        return self.last_attempt.usage if self.last_attempt is not None else None

    @property
    def began(self) -> float | None:
        """When its last attempt began, UTC epoch seconds; None if it never did."""
        return self.last_attempt.started if self.last_attempt is not None else None

    @property
    def stdout(self) -> str | None:
        """Path of the file with the standard output; None where it is not kept as a file."""
        return self._output("stdout")

    @property
    def stderr(self) -> str | None:
        """Path of the file with the standard error; the same as `stdout` where they are merged."""
        return self._output("stderr")

    @property
    def is_pruned(self) -> bool:
        """Whether its directory, or most of what was in it, does not stay (`keep`); it may still be there."""
        return is_pruned(self.keep, self.status)

    @property
    def trail(self) -> str | None:
        """Where to look for what became of it: the file with its standard error, else its directory; None: nowhere."""
        return None if self.is_pruned else self.stderr or self.run_dir

    @property
    def last_words(self) -> str | None:
        """The last line that it wrote to stderr before it failed; None if it wrote nothing or did not fail."""
        tail = self.last_attempt.tail if self.last_attempt is not None else None
        if self.status not in ("failure", "aborted") or not tail:
            return None
        return tail.strip().rpartition("\n")[2]

    def _output(self, name: str) -> str | None:
        if self.is_pruned:
            return None
        if self.output == "log":
            return os.path.join(self.run_dir, LOG)
        if self.output == "files":
            return os.path.join(self.run_dir, name)
        return os.path.join(self.run_dir, "output") if self.output == "merged" else None


def result_or_problem(run: EnsembleRun) -> tuple[Any, str]:
    """Return what a run posted, None if that cannot be read, and then why."""
    try:
        return run.result, ""
    except ResultError as error:
        return None, str(error)


def view(
    run: StoredRun,
    directory: str,
    output: OutputMode,
    posted: tuple[str, str] | None = None,
    last_attempt: StoredAttempt | None = None,
    keep: Keep = "all",
) -> EnsembleRun:
    """Return what a user sees of a stored run.

    Args:
        run: As it is stored.
        directory: The study's, absolute.
        output: What becomes of its output.
        posted: Its result, as it is stored.
        last_attempt: Its latest attempt.
        keep: What stays of the directories of runs that have ended.
    """
    return EnsembleRun(
        id=run.id,
        params=run.params,
        status=run.status,
        cause=run.cause,
        message=run.message,
        returncode=run.returncode,
        attempts=run.attempt,
        step=run.step,
        run_dir=run_directory(directory, run.id, run.directory),
        output=output,
        last_attempt=last_attempt,
        _posted=posted,
        _own=run.own,
        study_dir=directory,
        keep=keep,
    )
