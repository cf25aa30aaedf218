"""Parameter sets from several parameters: every combination, or side by side."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from runsemble.errors import ParameterError
from runsemble.model.params import WrittenParams
from runsemble.space.axes import split_written


class _Sets(Sequence[Mapping[str, Any]]):
    """Parameter sets that are made when they are asked for."""

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | list[Mapping[str, Any]]:
        """Return a parameter set by its position, or a list of them."""
        places = range(len(self))
        if isinstance(index, slice):
            return [self._make(at) for at in places[index]]
        return self._make(places[index])

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Make one parameter set after the other."""
        return map(self._make, range(len(self)))

    def _make(self, at: int) -> Mapping[str, Any]:
        values = self._values(at)
        plain, texts = split_written(values)
        return WrittenParams(plain, texts) if texts else plain

    def _values(self, at: int) -> Mapping[str, Any]:
        raise NotImplementedError


class Zip(_Sets):
    """Parameters side by side: the first value of each, the second of each, and so on.

    Raises:
        ParameterError: They have different numbers of values.
    """

    def __init__(self, axes: Mapping[str, Sequence[Any]], *, is_cut: bool = False) -> None:
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1 and not is_cut:
            words = ", ".join(f"{name} has {count}" for name, count in lengths.items())
            raise ParameterError(f"parameters side by side need equally many values, but {words}")
        self._axes = axes
        self._count = min(lengths.values(), default=0)

    def __len__(self) -> int:
        return self._count

    def _values(self, at: int) -> Mapping[str, Any]:
        return {name: values[at] for name, values in self._axes.items()}


class Grid(_Sets):
    """Every combination of the sets of several sequences; that of the last one changes fastest.

    Raises:
        ParameterError: Two of them set the same parameter.
    """

    def __init__(self, parts: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        self._parts = parts
        self._count = math.prod(map(len, parts)) if parts else 0
        if self._count > sys.maxsize:
            raise ParameterError(f"{self._count:.1e} combinations are more than can be counted")
        seen: set[str] = set()
        for part in parts:
            names = set(part[0]) if part else set()
            if twice := seen & names:
                raise ParameterError(f"parameter {sorted(twice)[0]!r} is given twice")
            seen |= names

    def __len__(self) -> int:
        return self._count

    def _make(self, at: int) -> Mapping[str, Any]:
        if len(self._parts) == 1:
            return self._parts[0][at]
        sets = []
        for part in reversed(self._parts):
            at, rest = divmod(at, len(part))
            sets.append(part[rest])
        return merge(reversed(sets))


def merge(sets: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return one parameter set with the parameters of several."""
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for one in sets:
        values.update(one)
        texts.update(getattr(one, "texts", {}))
    return WrittenParams(values, texts) if texts else values


def grid(**axes: Iterable[Any]) -> Grid:
    """Return every combination of the values of some parameters; the last parameter changes fastest.

    The combinations are made when they are asked for, so a grid of millions takes no memory.

    Raises:
        ParameterError: A parameter has no values.
    """
    return Grid([Zip({name: _values_of(name, values)}) for name, values in axes.items()])


def zipped(**axes: Iterable[Any]) -> Zip:
    """Return parameters side by side: the first value of each, the second of each, and so on.

    Raises:
        ParameterError: They have no values, or different numbers of them.
    """
    return Zip({name: _values_of(name, values) for name, values in axes.items()})


def _values_of(name: str, values: Iterable[Any]) -> Sequence[Any]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ParameterError(f"{name} must be a list of values, such as [0.1, 0.2], not {values!r}")
    listed = values if isinstance(values, Sequence) else list(values)
    if not listed:
        raise ParameterError(f"{name} has no values")
    return listed
