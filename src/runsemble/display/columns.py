"""Columns that tables of runs share: parameters, results, time and memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runsemble.display.table import Column, printable, value_words
from runsemble.display.tally import ShownRun
from runsemble.display.words import duration_words
from runsemble.model.result import Usage

#: Kinds of values that are compared.
_COMPARABLE = (str, int, float, bool, type(None))


def parameter_columns(runs: Sequence[ShownRun]) -> list[Column]:
    """Return a column for each parameter that one of the runs has."""
    return [_parameter(name, runs) for name in dict.fromkeys(name for one in runs for name in one.params)]


def result_columns(runs: Sequence[ShownRun]) -> list[Column]:
    """Return a column for each result that one of the runs has."""
    names = dict.fromkeys(name for one in runs for name in one.results)
    return [_values(name, [one.results.get(name, "") for one in runs]) for name in names]


def time_column(runs: Sequence[ShownRun]) -> Column:
    """Return how long the runs took."""
    return Column("time", [duration_words(one.usage.wall_s) if one.usage else "" for one in runs], is_number=True)


def memory_column(runs: Sequence[ShownRun]) -> Column:
    """Return how much memory the runs took."""
    return Column("memory", [memory_words(one.usage) for one in runs], is_number=True)


def attempts_columns(runs: Sequence[ShownRun]) -> list[Column]:
    """Return how often the runs were tried, if that tells anything."""
    if not any(one.run.attempts > 1 for one in runs):
        return []
    return [Column("attempts", [str(one.run.attempts) for one in runs], is_number=True, goes_first=True)]


def left_out_words(columns: Sequence[Column]) -> str:
    """Word what a table had no room for: "no room for loss; in all runs: beta=1.2"."""
    same = [column for column in columns if column.goes_first and len(set(column.cells)) == 1]
    missing = ", ".join(column.head for column in columns if not any(column is one for one in same))
    told = ", ".join(f"{column.head}={column.cells[0]}" for column in same)
    return "; ".join([*([f"no room for {missing}"] if missing else []), *([f"in all runs: {told}"] if told else [])])


def _parameter(name: str, runs: Sequence[ShownRun]) -> Column:
    column = _values(name, [one.params.get(name, "") for one in runs])
    column.goes_first = len(runs) > 1 and all(name in one.params for one in runs) and _is_one_value(name, runs)
    return column


def _is_one_value(name: str, runs: Sequence[ShownRun]) -> bool:
    """Tell whether a parameter is the same number, text or None in all runs; of anything else it is hard to say."""
    first = runs[0].params[name]
    kind = type(first)
    return kind in _COMPARABLE and all(type(one.params[name]) is kind and one.params[name] == first for one in runs)


def _values(name: str, values: Sequence[Any]) -> Column:
    is_number = all(_is_blank(value) or _is_plain_number(value) for value in values)
    return Column(printable(name), [value_words(value) for value in values], is_number=is_number, most=24)


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def mib_words(size_bytes: float) -> str:
    """Word an amount of memory: "12 MiB"."""
    return f"{size_bytes / 2**20:.0f} MiB"


def memory_words(usage: Usage | None) -> str:
    """Word how much memory a run took, with ≤ where no more is known; empty before it ran."""
    if usage is None:
        return ""
    sign = "≤" if usage.is_rss_bounded else ""
    return sign + mib_words(usage.max_rss_bytes)
