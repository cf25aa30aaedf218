"""Names of run directories as format strings of Python, which may lead anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: So many runs share a `run_id_min`, and a `run_id_max`.
BLOCK = 10_000


def get_run_dir(run_id: int, run_dir_names: str, sample: Mapping[Any, Any] | None) -> str:
    """Return the directory of a run, as `run_dir_names` has it: it is not made absolute.

    Args:
        run_id: Its number.
        run_dir_names: A format string. It may name ``run_id``, the first and last number of the block of 10,000 that
            the run is in, ``run_id_min`` and ``run_id_max``, and what the sample has.
        sample: Names and values of the run.

    Raises:
        KeyError: The sample has no value for a name.
        ValueError: It is no format string, or does not suit a value.
    """
    first = run_id // BLOCK * BLOCK
    reserved = {"run_id": run_id, "run_id_min": first, "run_id_max": first + BLOCK - 1}
    return run_dir_names.format_map({**(sample or {}), **reserved})
