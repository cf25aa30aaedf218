"""Submits stored runs to an engine, one by one, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runsemble.ensemble.book import Binder
from runsemble.errors import UsageError
from runsemble.model.events import Note
from runsemble.model.resources import Shape
from runsemble.model.status import Cause
from runsemble.runners.additions import end_unsubmitted
from runsemble.runners.engine import Engine
from runsemble.runners.table import RunTable
from runsemble.store.records import StoredAttempt, StoredRun


class Submission:
    """The way of stored runs into an engine.

    Args:
        binder: Makes jobs of them.
        table: Where they are counted.
        engine: Where they go.
        leave: Called with runs that need more than there is, which are left to others then; None: those fail.
    """

    def __init__(
        self, binder: Binder, table: RunTable, engine: Engine, leave: Callable[[int], None] | None = None
    ) -> None:
        self._binder = binder
        self._table = table
        self._engine = engine
        self._leave = leave
        self._noted: set[Shape] = set()

    def submit(self, run: StoredRun, made: Sequence[StoredAttempt] = (), *, is_known: bool = True) -> None:
        """Hand a run on to the engine, or let it fail at once; `Engine.pump` must follow.

        Args:
            run: Which; it is pending.
            made: Every attempt at it so far, in order.
            is_known: The statistics of the table count it already.
        """
        try:
            job = self._binder.bind(run, made)
        except UsageError as error:
            self._refuse(run, str(error), is_known)
            return
        problem = self._engine.pool.why_never(job.plan.shape)
        if problem and self._leave is not None:
            self._leave(run.id)
            return
        self._table.add(job, is_known=is_known)
        self._note_size(job.plan.shape)
        if problem:
            end_unsubmitted(job, Cause.ABORTED, problem)
        else:
            self._engine.submit(job)

    def _note_size(self, shape: Shape) -> None:
        """Warn once of runs that ask for more than there is, and are started nevertheless."""
        if shape not in self._noted:
            self._noted.add(shape)
            if self._engine.pool.exceeds(shape):
                self._table.bus.publish(Note(f"a run asks for {shape}, which is more than there is; it is given that"))

    def _refuse(self, run: StoredRun, problem: str, is_known: bool) -> None:
        """Let a run fail that cannot be prepared; the others must not suffer from it."""
        job = self._binder.bind_nothing(run)
        self._table.add(job, is_known=is_known)
        end_unsubmitted(job, Cause.STAGING, problem)
