"""A table of stored runs, a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from runsemble.display.columns import (
    attempts_columns,
    left_out_words,
    memory_column,
    parameter_columns,
    result_columns,
)
from runsemble.display.table import Column, clip, text_table
from runsemble.display.tally import RunView, ShownRun
from runsemble.display.words import duration_words
from runsemble.model.status import Cause


class StoredView(RunView, Protocol):
    """A stored run, as far as it is shown in a line."""

    @property
    def cause(self) -> Cause | None:
        """Why its last attempt ended."""

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the number of the signal."""

    @property
    def began(self) -> float | None:
        """When its last attempt began, UTC epoch seconds."""


def runs_lines(
    runs: Sequence[ShownRun], views: Sequence[StoredView], width: int, now_s: float, *, has_results_first: bool = False
) -> list[str]:
    """Return a head, a line for each run, and one more if there was not room for all columns.

    Args:
        runs: With their parameters and results.
        views: The same runs.
        width: Columns of the terminal.
        now_s: The time, UTC epoch seconds.
        has_results_first: Results come before what else is known.
    """
    values = [*parameter_columns(runs), *result_columns(runs)]
    facts = [
        Column("status", [run.status for run in views], is_needed=True, is_rigid=True),
        Column("cause", [cause_words(run) for run in views], is_rigid=True),
    ]
    ids = Column("run", [str(run.id) for run in views], is_number=True, is_needed=True)
    columns = (
        [ids, *result_columns(runs), *parameter_columns(runs), *facts] if has_results_first else [ids, *facts, *values]
    )
    columns += [Column("time", [_time_words(run, now_s) for run in views], is_number=True)]
    memory = memory_column(runs)
    memory.goes_first = True
    columns += [memory, *attempts_columns(runs)]
    lines, left_out = text_table([column for column in columns if column.is_needed or any(column.cells)], width)
    return [*lines, clip(f"({left_out_words(left_out)})", width)] if left_out else lines


def cause_words(run: StoredView) -> str:
    """Word why the last attempt of a run ended, briefly: "exit 3", "signal 9", "oom"; empty if all was well."""
    if run.cause is None or run.cause is Cause.OK:
        return ""
    if run.cause in (Cause.EXIT, Cause.SIGNAL) and run.returncode is not None:
        return f"{run.cause} {abs(run.returncode)}"
    return str(run.cause)


def _time_words(run: StoredView, now_s: float) -> str:
    """Word how long a run took, or has been taking."""
    if run.status == "running" and run.began is not None:
        return f"{duration_words(max(0.0, now_s - run.began))} …"
    return duration_words(run.usage.wall_s) if run.usage is not None else ""
