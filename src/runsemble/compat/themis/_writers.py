"""Writes what is known of all runs, one run at a time."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from runsemble.compat.themis._plain import plain_record
from runsemble.compat.themis._records import RunRecord

if TYPE_CHECKING:
    import pandas as pd


class TextStream(Protocol):
    """What can be written to."""

    def write(self, text: str, /) -> object:
        """Write a text."""


def write_json(records: Iterable[RunRecord], stream: TextStream) -> None:
    """Write a list of runs as JSON, indented by two blanks.

    What JSON does not know is written as its `str`, tuples and sets as lists.
    """
    before = "["
    for record in records:
        text = json.dumps([plain_record(record)], indent=2)
        stream.write(before + text.removeprefix("[").removesuffix("\n]"))
        before = ","
    stream.write("[]" if before == "[" else "\n]")


def write_yaml(records: Iterable[RunRecord], stream: TextStream) -> None:
    """Write a list of runs as YAML, made of plain mappings, lists and scalars.

    Raises:
        ImportError: PyYAML is not installed.
    """
    dump = _yaml_dump()
    is_empty = True
    for record in records:
        stream.write(dump([plain_record(record)]))
        is_empty = False
    if is_empty:
        stream.write("[]\n")


def as_dataframe(records: Iterable[RunRecord], include_none: bool = True) -> pd.DataFrame:
    """Return a frame with a row for each run, indexed by `run_id`.

    Its columns are ``steps``, ``result``, and the names in the samples, which win where they clash.

    Args:
        records: The runs.
        include_none: Whether a run without a result has a row, too.

    Raises:
        ImportError: pandas is not installed.
    """
    import pandas as pd

    ids: list[int] = []
    rows: list[dict[Any, Any]] = []
    for record in records:
        if include_none or record.is_with_result:
            ids.append(record.run_id)
            rows.append({"steps": record.steps, "result": record.result, **record.sample})
    columns = dict.fromkeys(("steps", "result"))
    for row in rows:
        columns.update(dict.fromkeys(row))
    return pd.DataFrame(rows, columns=list(columns), index=pd.Index(ids, name="run_id", dtype="int64"))


def _yaml_dump() -> Any:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError as error:
        raise ImportError("write_yaml needs PyYAML: pip install pyyaml") from error
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    def dump(value: Any) -> Any:
        return yaml.dump(value, Dumper=dumper, sort_keys=False, default_flow_style=False, allow_unicode=True)

    return dump
