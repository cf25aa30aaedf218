"""What a program can ask for while it is a run of an ensemble."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from runsemble.compat.themis._deck import parse_input_deck
from runsemble.compat.themis._runs import CompositeRun
from runsemble.compat.themis._themis import Themis
from runsemble.compat.themis._variables import RUNID_ENV_VAR, SETUPDIR_ENV_VAR

__all__ = ["fetch_run", "fetch_run_id", "parse_file", "set_result", "themis_handle"]


def fetch_run_id() -> int:
    """Return the number of this run.

    Raises:
        RuntimeError: This is none.
    """
    return int(_variable(RUNID_ENV_VAR))


def fetch_run() -> CompositeRun:
    """Return this run, with its sample and its steps.

    Raises:
        RuntimeError: This is none.
    """
    number = fetch_run_id()
    run = themis_handle().runs([number])[number]
    return CompositeRun(run.sample, run.steps)


def themis_handle() -> Themis:
    """Return the ensemble.

    Raises:
        RuntimeError: This is no run of one.
    """
    return Themis(_variable(SETUPDIR_ENV_VAR))


def set_result(result: Any) -> None:
    """Store the result of this run; on return it is stored.

    Raises:
        RuntimeError: This is no run.
    """
    themis_handle().set_result(fetch_run_id(), result)


def parse_file(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], sample: Mapping[Any, Any] | None = None
) -> None:
    """Fill in the tokens of a file.

    Args:
        source: The file.
        destination: Where to write it.
        sample: What the tokens stand for; this run's own sample when None.

    Raises:
        RuntimeError: This is no run.
        OSError: The one cannot be read, or the other not written.
    """
    handle = themis_handle()
    values = fetch_run().sample if sample is None else sample
    parse_input_deck(source, destination, values, handle._spec["template_engine"])


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError("This function must be called from an application launched by Themis")
    return value
