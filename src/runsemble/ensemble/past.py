"""What a study's record tells of runs that are asked for again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

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
from runsemble.store.file import glancing
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, STATUSES, StoredAttempt, StoredRun
from runsemble.store.sql import query
from runsemble.workdir.keep import is_pruned
from runsemble.workdir.layout import default_name, run_directory

#: What a stored run that has ended counts as in a result.
_COUNTS_AS: Mapping[StoredStatus, RunStatus] = {
    "success": "success", "failure": "failure", "killed": "failure", "aborted": "failure", "skipped": "skipped",
}  # fmt: skip

#: A row of the query ``identities``: the fields of a `StoredRun`, then its identity; as SQLite has made it, for to make
#: something better of each of very many takes longer than to read them.
PastRun: TypeAlias = tuple[Any, ...]
_STATE = StoredRun._fields.index("status_number")

#: Whether runs that failed are executed again.
Again = Literal["pending", "failed"]


class Past:
    """The runs that a study has had, to be found by what they are.

    What they used and posted is read when it is asked for first: a new run does not wait for that.

    Args:
        directory: The study's.
        rows: Of the query ``identities``, in order.
        made: Every attempt at those that have not ended, by id.
    """

    def __init__(self, directory: str, rows: deque[PastRun], made: Mapping[int, list[StoredAttempt]]) -> None:
        self.made = made
        self.next_id = rows[-1][0] + 1 if rows else 0  #: of the next new run
        self._directory = directory
        self._rows = rows  #: not taken yet, while they are asked for in their order
        self._runs: dict[bytes, deque[PastRun]] | None = None  #: the same, once they are not, by identity
        self._used: Mapping[int, tuple[Any, ...]] = {}
        self._results: Mapping[int, tuple[str, str]] = {}
        self._is_complete = False

    def take(self, recipe: int, digest: str, params_text: str) -> PastRun | None:
        """Take out the first run that was not taken yet and is the same; None if there is none.

        Args:
            recipe: Number of the recipe that it would have now.
            digest: The recipe's.
            params_text: Its parameters, as JSON.
        """
        if self._runs is None:
            if self._rows:
                row = self._rows[0]
                if row[1:4] == (recipe, params_text, None) and row[-1] is not None:
                    return self._rows.popleft()
            self._runs = {}
            for row in self._rows:
                if row[-1] is not None:
                    self._runs.setdefault(row[-1], deque()).append(row)
            self._rows.clear()
        identity = run_identity(digest, params_text)
        equals = self._runs.get(identity)
        if not equals:
            return None
        if len(equals) == 1:
            del self._runs[identity]
        return equals.popleft()

    def row(self, run: StoredRun, output: OutputMode) -> Row:
        """Return a run that has ended as a table keeps it."""
        self.complete()
        usage, tail = self._used.get(run.id, (None, None))
        assert run.cause is not None
        return Row(
            _COUNTS_AS[run.status], run.cause, run.returncode, run.attempt, run.params_text,
            run_directory(self._directory, run.id, run.directory), run.message,
            usage, self._results.get(run.id), tail, output, run.step,
        )  # fmt: skip

    def complete(self) -> None:
        """Read what the runs used and posted, unless that is done; it may take seconds.

        Raises:
            StoreError: The record cannot be read any more.
        """
        if self._is_complete:
            return
        before = (self.next_id,)
        with glancing(self._directory) as db:
            self._used = {
                run: (None if usage[0] is None else pack_usage(Usage._make(usage)), tail)
                for run, _, *usage, tail in db.execute(query("last_attempts_before"), before)
            }
            self._results = {run: (kind, value) for run, kind, value in db.execute(query("results_before"), before)}
        self._is_complete = True


def read_past(directory: str) -> Past:
    """Read every run of the study in a directory; in a thread, since it may take a second."""
    with glancing(directory) as db:
        rows = deque(db.execute(query("identities")))
        made: dict[int, list[StoredAttempt]] = {}
        for row in db.execute(query("attempts_under_way")):
            made.setdefault(row[0], []).append(StoredAttempt(*row))
    return Past(directory, rows, made)


class Resumption:
    """Goes on with a study: runs that it has had are not run again, new ones are.

    Args:
        past: What it has had.
        recipe: Number of its present recipe.
        digest: The recipe's.
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
        recipe: int,
        digest: str,
        table: RunTable,
        options: StudyOptions,
        again: Again,
        make: Callable[[int, Any, str | None], Job],
        order: RunOrder,
        known: set[int],
    ) -> None:
        self.killed: set[int] = set()  #: ids of runs that were killed since the record was read
        self._ended: dict[int, PastRun] = {}  #: by id
        self._past = past
        self._recipe = recipe
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
        past = self._past.take(self._recipe, self._digest, text)
        if past is None:
            job = self._make(self._order.next_id, params, None)
            self._order.append(job.id)
            return job
        id_: int = past[0]
        self._order.append(id_)
        self._known.add(id_)
        if self._table.is_kept(id_):  # somebody has asked for it again already
            return None
        status: StoredStatus = "killed" if id_ in self.killed else STATUSES[past[_STATE]]
        is_over = status in _COUNTS_AS and not (self._again == "failed" and status != "success")
        if is_over:
            self._ended[id_] = past
            self._table.restore(id_, _COUNTS_AS[status], self._row)
            return None
        run = StoredRun._make(past[:-1])
        job = self._make(id_, params, run.directory or default_name(id_))
        if status not in ("pending", "running"):
            first = 0 if is_pruned(self._options.keep, status) else run.step
            run = run._replace(status_number=STATUSES.index("pending"), step=first)
        go_on(job, run, self._past.made.get(id_, ()))
        return job

    def _row(self, id_: int) -> Row:
        """Return a run that has ended as the table keeps it."""
        run = StoredRun._make(self._ended[id_][:-1])
        if id_ in self.killed:
            run = run._replace(
                status_number=STATUS_NUMBER["killed"], cause_number=CAUSE_NUMBER[Cause.KILLED], words=KILLED_WORDS
            )
        row = self._past.row(run, self._options.output)
        del self._ended[id_]
        return row
