"""Parameter sets: checked, made plain, written down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from runsemble import codec
from runsemble.errors import ParameterError

ParamValue: TypeAlias = Any
ParamMap: TypeAlias = Mapping[str, ParamValue]

#: Names a parameter may not take, since placeholders use them for the run itself.
RESERVED = frozenset({"run_id", "run_dir", "submit_dir"})


class WrittenParams(dict[str, Any]):
    """A parameter set that was read from text: commands get every value as it was written.

    Args:
        values: What the run's program is told.
        texts: How values were written, where that differs from what `str` makes of them, or matters otherwise.
    """

    __slots__ = ("texts",)

    def __init__(self, values: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        super().__init__(values)
        self.texts = {name: text for name, text in texts.items() if type(self[name]) is str or text != str(self[name])}


def own_of(params: Any) -> str | None:
    """Return what a parameter set has that its JSON does not tell, how its values were written, as JSON itself."""
    return json.dumps({"texts": params.texts}) if isinstance(params, WrittenParams) and params.texts else None


def plain_params(params: Any, index: int, *, is_literal: bool = False) -> tuple[dict[str, Any], str]:
    """Return a parameter set as a plain dict, and as JSON text.

    Numpy scalars become the Python numbers they stand for; every other value keeps its exact type.

    Args:
        params: What the user's iterable yielded.
        index: Its position, for the error.
        is_literal: There are no placeholders, so that every name is free.

    Raises:
        ParameterError: No mapping, a key that is no string or a reserved name, a value that has no exact JSON form.
    """
    if type(params) is not dict and not isinstance(params, Mapping):
        raise ParameterError(
            f"runs[{index}] must map parameter names to values, like {{'beta': 0.1}}; not {params!r}",
            index=index,
        )
    plain = dict(params)
    text = codec.encode_flat(plain)
    if text is not None and (is_literal or RESERVED.isdisjoint(plain)):
        return plain, text  # as is so with most
    plain = {}
    for name, value in params.items():
        if type(name) is not str:
            raise ParameterError(
                f"runs[{index}]: parameter names must be strings, and {name!r} is of type {type(name).__name__}",
                index=index,
            )
        if name in RESERVED and not is_literal:
            raise ParameterError(
                f"runs[{index}]: no parameter may be called {name!r}, because {{{name}}} stands for the run's own "
                "in commands; choose another name",
                index=index,
            )
        try:
            plain[name] = _plain_scalar(value)
        except RecursionError:
            raise ParameterError(
                f"runs[{index}]: the value of {name!r} holds itself, or is nested too deeply to be written down",
                index=index,
            ) from None
    try:
        return plain, codec.encode(plain)
    except codec.CannotEncode:
        raise ParameterError(_culprit(plain, index), index=index) from None


def _plain_scalar(value: Any) -> Any:
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(map(_plain_scalar, value))
    if kind is dict:
        return {name: _plain_scalar(item) for name, item in value.items()}
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == () and value.dtype.kind in "biufcSU":
        return value.item()
    return value


def _culprit(params: dict[str, Any], index: int) -> str:
    """Say which value of a parameter set cannot be encoded, and why."""
    for name, value in params.items():
        try:
            codec.encode(value)
        except codec.CannotEncode as error:
            return (
                f"runs[{index}]: the value of {name!r} cannot be handed to a run: {error}; "
                "pass numbers, strings, lists, dicts and the like"
            )
    return f"runs[{index}] cannot be written as JSON"
