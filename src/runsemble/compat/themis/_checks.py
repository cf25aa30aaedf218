"""Checks of single values, with the wording of Themis."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def convert_none(value: T | None, none_replacement: T) -> T:
    """Return a value, or what stands for None."""
    return none_replacement if value is None else value


def type_check(value: T, *types_to_check: type) -> T:
    """Return a value that is of one of some types.

    Raises:
        TypeError: It is of none of them.
    """
    if not isinstance(value, types_to_check):
        raise TypeError(f"Expected a type in {types_to_check}, got {type(value)}")
    return value


def range_check(value: T, min_val: Any = None, max_val: Any = None, name: str = "value") -> T:
    """Return a value that is neither too small nor too large; a bound of None is none.

    Raises:
        ValueError: It is too small, or too large.
        TypeError: It cannot be compared with the bounds.
    """
    comparable: Any = value
    if min_val is not None and comparable < min_val:
        raise ValueError(f"{name} should be at least {min_val}")
    if max_val is not None and comparable > max_val:
        raise ValueError(f"{name} should be at most {max_val}")
    return value


def check_limit(value: int | None, name: str) -> int:
    """Return how often something may happen; None, for any number of times, becomes -1.

    Raises:
        ValueError: It is below -1.
    """
    return range_check(convert_none(value, -1), min_val=-1, name=name)


def check_abort_on(codes: Iterable[Any] | None) -> tuple[int, ...]:
    """Return the exit codes after which a run is not tried again.

    Raises:
        ValueError: One of them is no integer above 0.
        TypeError: They are not several.
    """
    given: tuple[Any, ...] = tuple(convert_none(codes, ()))
    if not all(isinstance(code, numbers.Integral) and int(code) > 0 for code in given):
        raise ValueError("`abort_on` must contain only positive integers")
    return tuple(int(code) for code in given)
