"""Tells rows that can be right from rows that damage has made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from runsemble import codec
from runsemble.store.records import CAUSES, STATUSES

Row: TypeAlias = tuple[Any, ...]


def sound_run(row: Row, recipes: Collection[int]) -> tuple[Row, bool] | None:
    """Return a row of ``runs``, and whether its state is known; None if not even what to run can be had.

    Args:
        row: As it was read.
        recipes: Ids of those that are known.
    """
    id_, recipe, params, own, directory, identity, state, cause, attempt, step, returncode, message, forgiven = row
    if not (_is_count(id_) and recipe in recipes and _is_params(params) and _is_json(own)):
        return None
    if not (_is_text(directory) and isinstance(identity, bytes | None)):
        return None
    what = (id_, recipe, params, own, directory, identity)
    is_known = (
        _is_index(state, len(STATUSES))
        and (cause is None or _is_index(cause, len(CAUSES)))
        and _is_count(attempt)
        and _is_count(step)
        and isinstance(returncode, int | None)
        and _is_text(message)
        and _is_count(forgiven)
    )
    if is_known:
        return row, True
    attempt = attempt if _is_count(attempt) else 0
    return (*what, 0, None, attempt, 0, None, None, attempt), False


def _is_params(value: Any) -> bool:
    if value == "":
        return True
    try:
        return isinstance(value, str) and isinstance(codec.decode(value), dict)
    except (ValueError, codec.CannotUnpickle, PermissionError):
        return False


def _is_json(value: Any) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except ValueError:
        return False


def is_attempt(row: Row) -> bool:
    """Tell whether a row of ``attempts`` can be right."""
    run, attempt, step, started, node, pid, cores, gpus, cause, returncode, message, *usage, tail = row
    return (
        _is_count(run) and _is_count(attempt) and _is_count(step)
        and all(isinstance(number, int | float | None) for number in (started, *usage))
        and all(_is_text(text) for text in (node, cores, gpus, message, tail))
        and isinstance(pid, int | None) and isinstance(returncode, int | None)
        and (cause is None or _is_index(cause, len(CAUSES)))
    )  # fmt: skip


def is_result(row: Row) -> bool:
    """Tell whether a row of ``results`` can be right."""
    run, kind, value = row
    return _is_count(run) and kind in ("text", "file", "bad") and isinstance(value, str)


def is_end(row: Row) -> bool:
    """Tell whether a row of ``ends`` can be right."""
    return all(map(_is_count, row))


def is_event(row: Row) -> bool:
    """Tell whether a row of ``events`` can be right."""
    id_, time, kind, text = row
    return _is_count(id_) and isinstance(time, float) and isinstance(kind, str) and isinstance(text, str)


def is_pair(row: Row) -> bool:
    """Tell whether a row of a name and JSON can be right."""
    name, value = row
    try:
        json.loads(value)
    except (ValueError, TypeError):
        return False
    return isinstance(name, str)


def is_agent(row: Row) -> bool:
    """Tell whether a row of ``agents`` can be right."""
    *texts, epoch, guest = row
    return all(isinstance(text, str) for text in (*texts, guest or "")) and _is_count(epoch)


#: By table, what tells a row that can be right.
TESTS: Mapping[str, Callable[[Row], bool]] = {
    "attempts": is_attempt, "results": is_result, "ends": is_end, "events": is_event, "settings": is_pair,
    "commands": is_pair, "agents": is_agent,
}  # fmt: skip


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_index(value: Any, count: int) -> bool:
    return type(value) is int and 0 <= value < count


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)
