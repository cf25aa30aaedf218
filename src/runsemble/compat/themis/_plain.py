"""Turns values of any kind into what JSON and YAML can hold."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Set
from typing import Any

from runsemble.compat.themis._records import RunRecord
from runsemble.compat.themis._runs import Step


def plain(value: Any) -> Any:
    """Return a value made of dictionaries, lists, texts, numbers, truths and None.

    Tuples and sets become lists, numbers of other libraries the nearest of Python's own, arrays lists; anything else,
    and what contains itself, becomes its `str`.
    """
    return _plain(value, ())


def plain_record(record: RunRecord) -> dict[str, Any]:
    """Return a run as a dictionary that JSON and YAML can hold."""
    return {
        "run_id": record.run_id,
        "sample": plain(record.sample),
        "steps": [plain(Step.encode(step)) for step in record.steps],
        "result": plain(record.result),
        "status": record.status_word,
    }


def _plain(value: Any, around: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Step):
        value = Step.encode(value)
    if id(value) in around or len(around) > _DEPTH:
        return str(value)
    if isinstance(value, Mapping):
        inner = (*around, id(value))
        return {_key(key): _plain(each, inner) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, (*around, id(value))) for each in value]
    if isinstance(value, Set):
        return [_plain(each, (*around, id(value))) for each in _ordered(value)]
    if callable(getattr(value, "tolist", None)):  # of NumPy's
        return _plain(value.tolist(), (*around, id(value)))
    return str(value)


#: So many levels are looked into.
_DEPTH = 200


def _key(key: Any) -> str | int | float | bool | None:
    """Return a key of a dictionary that JSON accepts; which one it is, is still to be seen."""
    if key is None or isinstance(key, bool):
        return key
    if isinstance(key, numbers.Integral):
        return int(key)
    if isinstance(key, float) and math.isfinite(key):
        return float(key)
    return str(key)


def _ordered(values: Iterable[Any]) -> list[Any]:
    several = list(values)
    try:
        return sorted(several)
    except TypeError:
        return sorted(several, key=repr)
