"""The parts of a condition, and what each of them is of a run.

What is unknown stays unknown (Kleene): it decides nothing, and ``not`` does not make it true.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

#: What a lookup returns for a name that a run does not have.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING"})()

#: Returns what a name stands for in a run, or `MISSING`.
Lookup = Callable[[str], Any]

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
#: Signs of one meaning.
EQUAL, UNEQUAL = ("==", "="), ("!=", "<>")


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that was written down."""

    value: Any

    def of(self, _: Lookup) -> Any:
        """Return it."""
        return self.value


@dataclass(frozen=True, slots=True)
class Name:
    """What a run has under a name."""

    name: str

    def of(self, lookup: Lookup) -> Any:
        """Return it, or `MISSING`."""
        return lookup(self.name)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Terms with a sign between each and the next: ``0.1 < beta <= 0.5``."""

    terms: tuple[Tree, ...]
    signs: tuple[str, ...]

    def of(self, lookup: Lookup) -> bool | None:
        """Tell whether all of it is true."""
        values = [term.of(lookup) for term in self.terms]
        return _all(compare(sign, *values[at : at + 2]) for at, sign in enumerate(self.signs))


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite."""

    inner: Tree

    def of(self, lookup: Lookup) -> bool | None:
        """Tell whether it is not true."""
        known = truth(self.inner.of(lookup))
        return None if known is None else not known


@dataclass(frozen=True, slots=True)
class Both:
    """All of several parts."""

    parts: tuple[Tree, ...]

    def of(self, lookup: Lookup) -> bool | None:
        """Tell whether all of them are true."""
        return _all(part.of(lookup) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of several parts."""

    parts: tuple[Tree, ...]

    def of(self, lookup: Lookup) -> bool | None:
        """Tell whether one of them is true."""
        return _unless((part.of(lookup) for part in self.parts), decisive=True)


Tree: TypeAlias = Constant | Name | Comparison | Negation | Both | Either


def truth(value: Any) -> bool | None:
    """Return what a value counts as where a condition is expected; None for unknown."""
    return None if value is None or value is MISSING else bool(value)


def _all(values: Iterable[Any]) -> bool | None:
    return _unless(values, decisive=False)


def _unless(values: Iterable[Any], *, decisive: bool) -> bool | None:
    """Return what one of the values decides, else the opposite; None if some are unknown and none decides."""
    is_known = True
    for value in values:
        known = truth(value)
        if known is decisive:
            return decisive
        is_known = is_known and known is not None
    return not decisive if is_known else None


def compare(sign: str, left: Any, right: Any) -> bool | None:
    """Compare two values; a text that is a number is taken for it beside a number, as cells of tables are texts."""
    if left is MISSING or right is MISSING:
        return None
    if isinstance(left, str) != isinstance(right, str):
        left, right = _beside(left, right), _beside(right, left)
    try:
        if sign in EQUAL:
            return bool(left == right)
        return bool(left != right) if sign in UNEQUAL else bool(ORDERS[sign](left, right))
    except Exception:  # values of these types are in no order; or somebody's own class
        return None


def _beside(value: Any, other: Any) -> Any:
    """Return the number that a text stands for, beside a number; else the value as it is."""
    number = as_number(value) if isinstance(value, str) and isinstance(other, (int, float)) else None
    return value if number is None else number


def as_number(text: str) -> float | None:
    """Return the number that a text stands for; None if it stands for none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
