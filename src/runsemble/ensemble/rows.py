"""Stored runs as rows of a table that other programs read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import ResultError, RunsembleError
from runsemble.model.row import param_columns, result_columns, table_facts, table_row

if TYPE_CHECKING:
    import pandas

#: What is known of a run, in this order, whether or not it is known of any.
FACTS = (
    "status", "cause", "returncode", "attempts", "wall_s", "user_s", "system_s", "max_rss_bytes", "run_dir",
)  # fmt: skip
#: The column with the id of the run.
ID = "run"


class Row(NamedTuple):
    """A run, its columns apart by where they come from."""

    params: dict[str, Any]
    results: dict[str, Any]
    facts: dict[str, Any]
    is_unread: bool  #: it posted something that was not, or could not be, read

    def joined(self) -> dict[str, Any]:
        """Return all columns, the id first."""
        return {ID: self.facts[ID], **self.params, **self.results, **self.facts}


def rows_of(runs: Iterable[EnsembleRun], allow_pickle: bool) -> list[Row]:
    """Return runs as rows; a result that cannot be read is missing, and so is a pickle unless that is allowed."""
    return [_row_of(run, allow_pickle) for run in runs]


def _row_of(run: EnsembleRun, allow_pickle: bool) -> Row:
    facts = {ID: run.id, **dict.fromkeys(FACTS), **_facts_of(run)}
    result, is_unread = read_or_none(run, allow_pickle)
    return Row(param_columns(run.params, facts), result_columns(run.params, result, facts), facts, is_unread)


def dataframe_of(runs: Sequence[EnsembleRun]) -> pandas.DataFrame:
    """Return runs as a data frame, a row each, with their ids for an index.

    Raises:
        RunsembleError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise RunsembleError("to_dataframe() needs pandas: pip install 'runsemble[pandas]'") from None
    rows = [table_row(run.params, read_or_none(run, True)[0], _facts_of(run)) for run in runs]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return pandas.DataFrame(rows, columns=columns, index=pandas.Index([run.id for run in runs], name=ID))


def _facts_of(run: EnsembleRun) -> dict[str, Any]:
    return table_facts(run.status, run.cause, run.returncode, run.attempts, run.usage, run.run_dir)


def read_or_none(run: EnsembleRun, allow_pickle: bool) -> tuple[Any, bool]:
    """Return what a run posted, None if it cannot be read; and whether that is why."""
    try:
        return run.read_result(allow_pickle=allow_pickle), False
    except ResultError:
        return None, True


def plain(value: Any) -> Any:
    """Return a value as JSON and YAML have it: a tuple as a list, an array as lists, anything else as its text."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is dict:
        return {str(name): plain(one) for name, one in value.items()}
    if kind in (list, tuple):
        return [plain(one) for one in value]
    if kind in (set, frozenset):
        return sorted((plain(one) for one in value), key=str)
    as_list = getattr(value, "tolist", None)  # arrays and numbers of numpy
    return plain(as_list()) if callable(as_list) else str(value)


def finite(value: Any) -> Any:
    """Return a plain value without the numbers that JSON does not have: they become null."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is dict:
        return {name: finite(one) for name, one in value.items()}
    return [finite(one) for one in value] if type(value) is list else value


def cell(value: Any) -> Any:
    """Return a value for one cell of a table: numbers and texts as they are, lists and the like as JSON."""
    value = plain(value)
    return json.dumps(finite(value)) if type(value) in (dict, list) else value


class Columns:
    """The columns of a table, found row by row: parameters, then results, then facts; and what is in them."""

    def __init__(self) -> None:
        self._params: dict[str, set[str]] = {}
        self._results: dict[str, set[str]] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in the columns of some rows."""
        for row in rows:
            for found, values in ((self._params, row.params), (self._results, row.results)):
                for name, value in values.items():
                    found.setdefault(name, set()).add(_kind_of(value))

    @property
    def kinds(self) -> dict[str, set[str]]:
        """By name, what kinds of values are in each column: bool, int, long, float, str, none, other."""
        facts = dict(zip(FACTS, _FACT_KINDS, strict=True))
        own = {name: self._params.get(name, set()) | self._results.get(name, set()) for name in self._names}
        return {ID: {"int"}, **own, **{name: {kind} for name, kind in facts.items()}}

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self._params, *self._results]))


_FACT_KINDS = ("str", "str", "int", "int", "float", "float", "float", "int", "str")


def _kind_of(value: Any) -> str:
    if value is None:
        return "none"
    value = plain(value)
    kind = type(value)
    if kind is int and not -(2**63) <= value < 2**63:
        return "long"
    return str(kind.__name__) if kind in (bool, int, float, str) else "other"
