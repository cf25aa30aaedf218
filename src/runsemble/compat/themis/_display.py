"""The table of `themis display`: one line for each step of each run."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from runsemble.compat.themis._records import RunRecord
from runsemble.compat.themis._runs import Step

NOTHING_FOUND = "No runs found in that range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the table shows; a width of 0 leaves a column out. All widths are in characters."""

    args: int = 0
    result: int = 0
    sample: int = 0
    directory: int = 0
    resources: bool = False
    sample_columns: int = 4  #: most columns for the names of a sample

    @classmethod
    def everything(cls, width: int, other: Shown) -> Shown:
        """Return what shows all, with no column narrower than `width`, nor than in another."""
        return cls(
            args=max(width, other.args),
            result=max(width, other.result),
            sample=max(width, other.sample),
            directory=max(width, other.directory),
            resources=True,
            sample_columns=other.sample_columns,
        )


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its head, how wide it is, and what it says of a step."""

    head: str
    width: int
    cell: Callable[[RunRecord, int, Step], str]


def display_lines(records: Iterable[RunRecord], shown: Shown, cwd: str) -> list[str]:
    """Return the lines of the table, the blank ones around it included.

    Args:
        records: The runs, in order.
        shown: What to show of them.
        cwd: From where directories are seen.
    """
    runs = list(records)
    if not runs:
        return [NOTHING_FOUND]
    columns = list(_columns(shown, _names(runs[0], shown), cwd))
    header = _line([column.head for column in columns], columns)
    rule = "-" * len(header)
    rows = [
        _line([column.cell(run, at, step) for column in columns], columns)
        for run in runs
        for at, step in enumerate(run.steps)
    ]
    return ["", rule, header, rule, *rows, rule, ""]


def shorten(value: Any, width: int) -> str:
    """Return a value as text on one line, of `width` characters at most, with dots in the middle of a long one."""
    text = value if isinstance(value, str) else _Short(width).repr(value)
    if not text.isprintable():
        text = repr(text)[1:-1]
    if len(text) <= width:
        return text
    kept = max(width - 3, 0)
    return text[: kept // 2] + "..."[:width] + text[len(text) - (kept - kept // 2) :]


class _Short(reprlib.Repr):
    """Leaves out items of long containers, rather than parts of short ones."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = max(width, 30)
        self.maxlist = self.maxtuple = self.maxset = self.maxdict = max(width // 3, 1)


def _names(run: RunRecord, shown: Shown) -> list[Any]:
    """Return the names of a sample that have columns."""
    return sorted(run.sample, key=str)[: max(shown.sample_columns, 0)] if shown.sample else []


def _columns(shown: Shown, names: Sequence[Any], cwd: str) -> Iterator[_Column]:
    yield _Column("Run", 7, _of_run(lambda run: str(run.run_id)))
    yield _Column("Step", 6, lambda run, at, step: str(at))
    yield _Column("Status", 12, _of_run(lambda run: run.status_word))
    if shown.directory:
        yield _Column("Directory", max(shown.directory, 9), _of_run(lambda run: os.path.relpath(run.directory, cwd)))
    if shown.args:
        yield _Column("Args", max(shown.args, 4), lambda run, at, step: str(step.args))
    if shown.resources:
        yield _Column("Tasks", 5, lambda run, at, step: str(step.tasks))
        yield _Column("Cores", 5, lambda run, at, step: str(step.tasks * step.cores_per_task))
        yield _Column("GPUs", 4, lambda run, at, step: str(step.tasks * step.gpus_per_task))
    for name in names:
        yield _Column(str(name), max(shown.sample, 5), _of_sample(name))
    if shown.result:
        yield _Column("Result", max(shown.result, 6), _of_run(lambda run: run.result))


def _of_run(cell: Callable[[RunRecord], Any]) -> Callable[[RunRecord, int, Step], Any]:
    """Return what says something of a run on the line of its first step only."""
    return lambda run, at, step: cell(run) if at == 0 else ""


def _of_sample(name: Any) -> Callable[[RunRecord, int, Step], Any]:
    return _of_run(lambda run: run.sample.get(name, ""))


def _line(cells: Sequence[Any], columns: Sequence[_Column]) -> str:
    texts = (
        f"{shorten(cell, _room(column.width)):^{column.width}}" for cell, column in zip(cells, columns, strict=True)
    )
    return "|" + "|".join(texts) + "|"


def _room(width: int) -> int:
    """Return how much of a column may be filled: a blank on either side, where it is wide enough."""
    return width - 2 if width >= 12 else width
