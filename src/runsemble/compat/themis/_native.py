"""Turns runs of Themis into stored runs."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from typing import Any

from runsemble import codec
from runsemble.compat.themis._runs import CompositeRun, Step
from runsemble.ensemble.creation import RunSpec
from runsemble.model import step as native

_MINUTE_S = 60.0
_SIMPLE = frozenset({int, float, str, bool, type(None)})


def as_spec(run: CompositeRun) -> RunSpec:
    """Return a run as it is stored.

    Raises:
        TypeError: Its sample is no mapping, or one of its steps is no step.
        Exception: Whatever pickle raises for a sample that cannot be stored.
    """
    given: Any = run.sample
    sample = {} if given is None else given
    if not isinstance(sample, Mapping):
        raise TypeError(f"a sample is a mapping of names to values, not {sample!r}")
    steps = run.steps
    params, is_exact = params_of(sample)
    memo: dict[str, Any] = {"steps": [_fields_of(step) for step in steps]}
    if type(steps) is not tuple:
        memo["is_list"] = True
    if not is_exact:
        memo["sample"] = codec.encode(_own_copy(sample), allow_pickle=True)
    return RunSpec(params, [native_step(step) for step in steps], memo)


def native_step(step: Step) -> native.Step:
    """Return a step of ours; tasks are cores to us, since nothing but its own script starts several processes."""
    tasks = max(1, step.tasks)
    return native.Step(
        [_word(word) for word in step.args],
        cores=tasks * max(1, step.cores_per_task),
        gpus=tasks * max(0, step.gpus_per_task),
        timeout_s=step.timeout * _MINUTE_S if step.timeout > 0 else None,
        cwd=step.cwd,
        batch_script=step.batch_script,
    )


def _word(word: Any) -> Any:
    return word if isinstance(word, str | bytes | os.PathLike) else str(word)


def params_of(sample: Mapping[Any, Any]) -> tuple[dict[str, Any], bool]:
    """Return a sample as files are filled in with it, with whether that is the sample itself."""
    is_exact = type(sample) is dict
    params = {}
    for key, value in sample.items():
        plain = value if type(value) in _SIMPLE else _plain(value)
        is_exact = is_exact and type(key) is str and plain is value
        params[str(key)] = plain
    return params, is_exact


def _plain(value: Any) -> Any:
    try:
        codec.encode(value)
    except (codec.CannotEncode, RecursionError):
        pass
    else:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(str(value)) if type(value).__module__ == "numpy" else str(value)
    return str(value)


def _fields_of(step: Any) -> list[Any]:
    if not isinstance(step, Step):
        raise TypeError(f"the steps of a run are Step objects, not {step!r}")
    fields = [getattr(step, name) for name in Step.__slots__]
    return [[word if type(word) in _SIMPLE else str(word) for word in fields[0]], *fields[1:]]


def _own_copy(sample: Mapping[Any, Any]) -> Any:
    """Return what is kept of a sample: mappings that are no dictionaries may hold anything else as well."""
    return sample if isinstance(sample, dict) else dict(sample)
