"""What a study's record tells of runs that are asked for again."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from runsemble.ensemble.book import go_on
from runsemble.ensemble.identity import run_identity
from runsemble.ensemble.killing import KILLED_WORDS
from runsemble.model.files import OutputMode
from runsemble.model.params import plain_params
from runsemble.model.result import Usage
from runsemble.model.status import Cause, RunStatus, StoredStatus
from runsemble.runners.job import Job
from runsemble.runners.options import StudyOptions
from runsemble.runners.order import RunOrder
from runsemble.runners.table import Row, RunTable, pack_usage
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, STATUSES, StoredAttempt, StoredRun
from runsemble.store.sql import query
from runsemble.workdir.keep import is_pruned
from runsemble.workdir.layout import default_name, run_directory

#: What a stored run that has ended counts as in a result.
_COUNTS_AS: Mapping[StoredStatus, RunStatus] = {
    "success": "success", "failure": "failure", "killed": "failure", "aborted": "failure", "skipped": "skipped",
}  # fmt: skip

#: Whether runs that failed are executed again.
Again = Literal["pending", "failed"]


class Past:
    """The runs that a study has had, to be found by what they are.

    Args:
        directory: The study's.
        runs: The first of each identity.
        equals: Further ones with the same identity, in order.
        used: What the latest attempt of each used, packed, and the end of its output, by id.
        results: What they posted, by id.
        made: Every attempt at those that have not ended, by id.
        next_id: Of the next new run.
    """

    def __init__(
        self,
        directory: str,
        runs: dict[bytes, StoredRun],
        equals: dict[bytes, deque[StoredRun]],
        used: Mapping[int, tuple[bytes | None, str | None]],
        results: Mapping[int, tuple[str, str]],
        made: Mapping[int, list[StoredAttempt]],
        next_id: int,
    ) -> None:
        self.made = made
        self.next_id = next_id
        self._directory = directory
        self._runs = runs
        self._equals = equals
        self._used = used
        self._results = results

    def take(self, identity: bytes) -> StoredRun | None:
        """Take out the first run with this identity that was not taken yet; None if there is none."""
        found = self._runs.pop(identity, None)
        equals = self._equals.get(identity) if self._equals else None
        if equals:
            self._runs[identity] = equals.popleft()
        return found

    def row(self, run: StoredRun, output: OutputMode) -> Row:
        """Return a run that has ended as a table keeps it."""
        usage, tail = self._used.get(run.id, (None, None))
        assert run.cause is not None
        return Row(
            _COUNTS_AS[run.status], run.cause, run.returncode, run.attempt, run.params_text,
            run_directory(self._directory, run.id, run.directory), run.message,
            usage, self._results.get(run.id), tail, output, run.step,
        )  # fmt: skip


def read_past(db: sqlite3.Connection, directory: str) -> Past:
    """Read every run of a study; in a thread, since it may take seconds.

    Args:
        db: The study's file, open for reading.
        directory: The study's.
    """
    runs: dict[bytes, StoredRun] = {}
    equals: dict[bytes, deque[StoredRun]] = {}
    last = -1
    for identity, *fields in db.execute(query("identities")):
        run = StoredRun._make(fields)
        last = run.id
        if identity is not None and runs.setdefault(identity, run) is not run:
            equals.setdefault(identity, deque()).append(run)
    used = {
        run: (None if usage[0] is None else pack_usage(Usage._make(usage)), tail)
        for run, _, *usage, tail in db.execute(query("every_last_attempt"))
    }
    results = {run: (kind, value) for run, kind, value in db.execute(query("every_result"))}
    made: dict[int, list[StoredAttempt]] = {}
    for row in db.execute(query("attempts_under_way")):
        made.setdefault(row[0], []).append(StoredAttempt(*row))
    return Past(directory, runs, equals, used, results, made, last + 1)


class Resumption:
    """Goes on with a study: runs that it has had are not run again, new ones are.

    Args:
        past: What it has had.
        digest: Of its present recipe.
        table: Where its runs are counted.
        options: The study's.
        again: Which runs that have ended are executed again.
        make: Turns (id, parameter set, directory or None) into a job.
        order: Where its runs are taken in.
        known: Takes in the ids of those that the record has already.
    """

    def __init__(
        self,
        past: Past,
        digest: str,
        table: RunTable,
        options: StudyOptions,
        again: Again,
        make: Callable[[int, Any, str | None], Job],
        order: RunOrder,
        known: set[int],
    ) -> None:
        self.killed: set[int] = set()  #: ids of runs that were killed since the record was read
        self._past = past
        self._digest = digest
        self._table = table
        self._options = options
        self._again = again
        self._make = make
        self._order = order
        self._known = known

    def make_job(self, index: int, params: Any) -> Job | None:
        """Return the job for a parameter set; None if its run has ended before, which the table holds then."""
        _, text = plain_params(params, index, is_literal=self._options.is_literal)
        run = self._past.take(run_identity(self._digest, text))
        if run is None:
            job = self._make(self._order.next_id, params, None)
            self._order.append(job.id)
            return job
        self._order.append(run.id)
        self._known.add(run.id)
        if self._table.is_kept(run.id):  # somebody has asked for it again already
            return None
        if run.id in self.killed:
            run = run._replace(
                status_number=STATUS_NUMBER["killed"], cause_number=CAUSE_NUMBER[Cause.KILLED], words=KILLED_WORDS
            )
        status = run.status
        is_over = status in _COUNTS_AS and not (self._again == "failed" and status != "success")
        if is_over:
            self._table.restore(run.id, _COUNTS_AS[status], partial(self._past.row, run, self._options.output))
            return None
        job = self._make(run.id, params, run.directory or default_name(run.id))
        if status not in ("pending", "running"):
            first = 0 if is_pruned(self._options.keep, status) else run.step
            run = run._replace(status_number=STATUSES.index("pending"), step=first)
        go_on(job, run, self._past.made.get(run.id, ()))
        return job
