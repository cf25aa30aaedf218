"""A table in plain text, no wider than it may be."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_GAP = 2
_LEAST = 6
ELLIPSIS = "…"
#: A number that is no longer than this is shown as it is, others with six digits.
_SHORT = 8
#: Of a long text, no more is looked at than this, in characters.
_CUT = 400


@dataclass(slots=True)
class Column:
    """One column of a table."""

    head: str
    cells: list[str] = field(default_factory=list)
    is_number: bool = False  #: set flush right
    is_needed: bool = False  #: never left out
    goes_first: bool = False  #: left out before any text is shortened
    is_rigid: bool = False  #: never shortened, as numbers are not
    most: int = 40  #: columns it may take at most

    @property
    def width(self) -> int:
        """How wide it would like to be."""
        return max(columns_of(clip(text, self.most)) for text in (self.head, *self.cells))


def text_table(columns: Sequence[Column], width: int) -> tuple[list[str], list[Column]]:
    """Return the lines of a table, and the columns for which there was no room.

    Those that say little go first, then texts become shorter, then the last columns go.

    Args:
        columns: What is in it; all have equally many cells.
        width: Columns of the terminal.
    """
    shown = list(columns)
    while _width_of([column.width for column in shown]) > width:
        idle = [at for at, column in enumerate(shown) if column.goes_first]
        if not idle:
            break
        del shown[idle[-1]]
    while True:
        widths = _fit(
            [column.width for column in shown], [column.is_number or column.is_rigid for column in shown], width
        )
        if _width_of(widths) <= width:
            break
        spare = [at for at, column in enumerate(shown) if not column.is_needed]
        if not spare:
            break
        del shown[spare[-1]]
    rows = zip(*([column.head, *column.cells] for column in shown), strict=True)
    lines = [
        (" " * _GAP)
        .join(_set(cell, space, column.is_number) for cell, space, column in zip(row, widths, shown, strict=True))
        .rstrip()
        for row in rows
    ]
    return lines, [column for column in columns if not any(column is one for one in shown)]


def _width_of(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _fit(widths: list[int], are_rigid: list[bool], most: int) -> list[int]:
    """Return widths that add up to `most` if that can be had by making texts shorter."""
    excess = _width_of(widths) - most
    while excess > 0:
        texts = [at for at, is_rigid in enumerate(are_rigid) if not is_rigid and widths[at] > _LEAST]
        if not texts:
            break
        widths[max(texts, key=lambda at: widths[at])] -= 1
        excess -= 1
    return widths


def _set(cell: str, space: int, is_right: bool) -> str:
    text = clip(cell, space)
    blanks = " " * (space - columns_of(text))
    return blanks + text if is_right else text + blanks


def clip(text: str, width: int) -> str:
    """Return a text that takes `width` columns at most, with an ellipsis where something is missing."""
    if text.isascii():
        return text if len(text) <= width else text[: max(0, width - 1)] + ELLIPSIS
    used = cut = 0
    for at, sign in enumerate(text):
        used += _columns_of_sign(sign)
        if used > width:
            return text[:cut] + ELLIPSIS
        if used <= width - 1:
            cut = at + 1
    return text


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    Source: Unicode Standard Annex 11, East Asian Width.
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns_of_sign, text))


def _columns_of_sign(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def printable(text: str) -> str:
    """Return a text on one line, with a question mark for whatever a terminal would obey or could not show."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else " " if sign in "\n\t" else "?" for sign in text)


def value_words(value: Any) -> str:
    """Word a parameter or a result for a table."""
    if isinstance(value, float):
        return repr(value) if len(repr(value)) <= _SHORT else f"{value:.6g}"
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # somebody's own class
        text = f"<{type(value).__name__}>"
    return printable(text[:_CUT])
