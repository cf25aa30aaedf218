"""A run as a row of a table: parameters, results, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runsemble.model.result import Usage
from runsemble.model.status import Cause


def table_facts(
    status: str, cause: Cause | None, returncode: int | None, attempts: int, usage: Usage | None, run_dir: str
) -> dict[str, Any]:
    """Return what is known of a run, by the name of its column."""
    return {
        "status": status,
        "cause": str(cause) if cause else None,
        "returncode": returncode,
        "attempts": attempts,
        **(dict(zip(usage._fields[:-1], usage, strict=False)) if usage else {}),
        "run_dir": run_dir,
    }


def result_columns(params: Mapping[str, Any], result: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run posted, by the name of its column: by key if it is a dict, else as ``result``.

    A key that is also a parameter's or the name of a fact is prefixed with ``result_``.
    """
    posted = result if isinstance(result, dict) else {} if result is None else {"result": result}
    return {f"result_{name}" if name in params or name in facts else str(name): value for name, value in posted.items()}


def param_columns(params: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters by the name of their columns; one called as a fact is prefixed with ``param_``."""
    if params.keys().isdisjoint(facts):
        return dict(params)
    return {f"param_{name}" if name in facts else name: value for name, value in params.items()}


def table_row(params: Mapping[str, Any], result: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run as a row: parameters, results, facts."""
    return {**param_columns(params, facts), **result_columns(params, result, facts), **facts}
