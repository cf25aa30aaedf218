"""Values that were written as text: which number a text is, if it is one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from runsemble.errors import ParameterError
from runsemble.model.text import quote

_TRUE = frozenset({"true", "yes", "on", "1"})
#: What is meant as a name rather than a number: 007.
_LEADING_ZERO = re.compile(r"[-+]?0\d")
_FALSE = frozenset({"false", "no", "off", "0"})


def read_cell(text: str) -> int | float | str:
    """Return the number that a text is, if that number is written just so; else the text.

    ``3`` and ``0.1`` are numbers; ``007``, ``0.10``, ``1e-3`` and ``nan`` stay text, since a number would lose
    how they are written.
    """
    head = text[:1]
    if not (head.isdigit() or head == "-"):
        return text
    try:
        if (whole := int(text)).__str__() == text:
            return whole
        return text
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if repr(number) == text and math.isfinite(number) else text


def _read_bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


#: The types that can be asked for by name, and how a text becomes one.
TYPES: Mapping[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": _read_bool,
    "json": json.loads,
}


def parse_types(words: list[str]) -> dict[str, str]:
    """Return the types asked for by words such as ``id=str`` or ``x=float,y=int``, by name.

    Raises:
        ParameterError: A word is not of that form, or names no type.
    """
    types = {}
    for word in (part for words_ in words for part in words_.split(",")):
        name, equals, kind = word.partition("=")
        if not equals or not name or kind not in TYPES:
            raise ParameterError(f"--types {word}: write NAME=TYPE, where TYPE is {', '.join(TYPES)}")
        types[name] = kind
    return types


class CellReader:
    """Turns the texts of parameters into values.

    Args:
        types: The type of a parameter, by its name; the others are numbers when they are written as such.
    """

    def __init__(self, types: Mapping[str, str] | None = None) -> None:
        for name, kind in (types or {}).items():
            if kind not in TYPES:
                raise ParameterError(f"{name}: there is no type {kind!r}, only {', '.join(TYPES)}")
        self._seen: set[str] = set()  #: parameters whose type was used
        self._types = {name: TYPES[kind] for name, kind in (types or {}).items()}
        self._kinds = dict(types or {})
        self._numbers: set[str] = set()  #: parameters that held a number
        self._texts: dict[str, str] = {}  #: those that held a text which looks like one, with an example

    @property
    def has_types(self) -> bool:
        """Whether a value can be wrong: one whose type was given."""
        return bool(self._types)

    def read(self, name: str, text: str, where: str, *, has_margin: bool = False) -> Any:
        """Return the value of one parameter.

        Args:
            name: Of which parameter.
            text: How the value is written.
            where: In which place.
            has_margin: Blanks around a number are not part of how it is written.

        Raises:
            ParameterError: It is not of its type; the message begins with `where`.
        """
        convert = self._types.get(name)
        if convert is None:
            value = read_cell(text.strip(" \t") if has_margin else text)
            if type(value) is str:
                value = text
            self._note(name, value)
            return value
        self._seen.add(name)
        try:
            return convert(text)
        except (ValueError, RecursionError):
            raise ParameterError(f"{where}: {name} must be of type {self._kinds[name]}, not {quote(text)}") from None

    def require_known(self, names: list[str]) -> None:
        """Refuse types of parameters that do not exist.

        Raises:
            ParameterError: With the names that do.
        """
        for name in self._types:
            if name not in names and name not in self._seen:
                raise ParameterError(f"--types {name}=…: there is no parameter {name!r}, only {', '.join(names)}")

    def remarks(self) -> list[str]:
        """Return what somebody may not expect: texts that look like numbers, and what makes them numbers, or texts."""
        found = []
        for name, example in self._texts.items():
            if not _LEADING_ZERO.match(example):
                found.append(
                    f"{name} is text where it is written like {quote(example)}, since the number would be written "
                    f"otherwise; --types {name}=float makes it a number"
                )
            elif name in self._numbers:
                found.append(
                    f"{name} is text where it is written like {quote(example)}, and a number elsewhere; "
                    f"--types {name}=str makes it text throughout"
                )
        return found

    def _note(self, name: str, value: Any) -> None:
        """Notice a parameter whose values are texts that look like numbers."""
        if type(value) is not str:
            self._numbers.add(name)
        elif name not in self._texts and looks_like_a_number(value):
            self._texts[name] = value


def looks_like_a_number(text: str) -> bool:
    """Tell whether a text is a number in any way of writing one."""
    try:
        float(text)
    except ValueError:
        return False
    return True
