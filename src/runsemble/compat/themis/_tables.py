"""Reads parameters of runs, and steps, from files of comma-separated values."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runsemble.compat.themis._runs import Run, Step
from runsemble.errors import UsageError

#: What means no, in a column of truths; nothing at all does, too.
_NO = frozenset({"", "0", "false", "f", "no", "n", "off"})
#: Columns that `--vary-all` reads.
_VARIED = ("args", "tasks", "cores_per_task", "gpus_per_task")


def read_csv(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file as mappings of column names to texts; blank lines are passed over.

    What a short row lacks is None; empty cells beyond the last column are left out.

    Raises:
        OSError: It cannot be read.
        UsageError: A row has more values than there are columns.
    """
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader: csv.DictReader[Any] = csv.DictReader(file)
        for row in reader:
            if any(row.pop(None, ())):
                count = len(reader.fieldnames or ())
                text = f"{os.fspath(path)}, line {reader.line_num}: there are more values than columns ({count})"
                raise UsageError(text)
            yield row


def is_yes(text: str) -> bool:
    """Tell whether a text means yes: anything but false, no, off, 0 or nothing."""
    return text.strip().lower() not in _NO


def steps_from_csv(path: str | os.PathLike[str]) -> list[Step]:
    """Return the steps in a file, whose columns are any of the arguments of `Step`; an empty cell means the default.

    In the column ``batch_script``, false, no, off, 0 and an empty cell mean no.

    Raises:
        UsageError: There are none, a column is none of those, or a value does not suit it.
        OSError: It cannot be read.
    """
    shown = os.fspath(path)
    rows = list(read_csv(path))
    steps = [_step(row, f"{shown}, step {at}") for at, row in enumerate(rows)]
    if not steps:
        raise UsageError(f"{shown}: there are no steps")
    return steps


def _step(row: Mapping[str, Any], where: str) -> Step:
    unknown = [name for name in row if name not in Step.__slots__]
    if unknown:
        raise UsageError(f"{where}: {unknown[0]!r} is none of the columns {', '.join(Step.__slots__)}")
    if _is_empty(row.get("args")):
        raise UsageError(f"{where}: the column 'args', with the program and its arguments, is missing or empty")
    given: dict[str, Any] = {name: text for name, text in row.items() if not _is_empty(text)}
    if "batch_script" in row:
        given["batch_script"] = is_yes(row["batch_script"] or "")
    try:
        return Step(**given)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _is_empty(cell: str | None) -> bool:
    return cell is None or not cell.strip()


def runs_from_rows(rows: Iterable[Mapping[str, Any]], **defaults: Any) -> Iterator[Run]:
    """Yield one run for each row, which becomes its sample.

    Args:
        rows: Such as those of `read_csv`.
        defaults: The other arguments of every run.
    """
    for row in rows:
        yield Run(dict(row), **defaults)


def varied_runs(rows: Iterable[Mapping[str, Any]], **defaults: Any) -> Iterator[Run]:
    """Yield one run for each row, which becomes its sample, and has the arguments of `Run` in columns of their names.

    Args:
        rows: Such as those of `read_csv`.
        defaults: The arguments for which there is no column, or an empty cell.
    """
    for row in rows:
        varied = {name: row[name] for name in _VARIED if not _is_empty(row.get(name))}
        yield Run(dict(row), **{**defaults, **varied})
