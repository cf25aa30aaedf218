"""Placeholders in commands, directory names and environment values: ``{beta}``, ``{beta:.3f}``.

Only an identifier in braces that is known is replaced; every other brace stays, so that ``awk '{print $1}'`` needs no
care. ``{{beta}}`` stands for ``{beta}`` itself. An identifier that is nearly one that is known is an error, since it
is most likely a slip of the pen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from runsemble.errors import PlaceholderError

_BRACES = re.compile(r"\{\{([^\W\d]\w*)(:[^{}]*)?\}\}|\{([^\W\d]\w*)(?::([^{}]*))?\}")

#: How alike two names must be for one to be taken as a misspelling of the other (1 = the same).
_LIKENESS = 0.75


class Template:
    """A string with placeholders, parsed once and filled in for every run."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = list(_parse(text))

    @property
    def is_constant(self) -> bool:
        """Tell whether nothing in it could be replaced."""
        return not any(isinstance(part, tuple) for part in self._parts)

    def is_only(self, name: str) -> bool:
        """Tell whether it is one placeholder and nothing else."""
        return len(self._parts) == 1 and isinstance(self._parts[0], tuple) and self._parts[0][0] == name

    def fill(self, values: Mapping[str, Any], known: Iterable[str] = ()) -> str:
        """Return the text with every known placeholder replaced.

        Args:
            values: What the names stand for.
            known: Further names that have meant something in other runs, and must not be passed over here.

        Raises:
            PlaceholderError: A name is known only elsewhere, nearly known, or its format does not suit its value.
        """
        if len(self._parts) == 1 and isinstance(self._parts[0], str):
            return self._parts[0]
        return "".join(part if isinstance(part, str) else _fill_one(part, values, known) for part in self._parts)


_Placeholder = tuple[str, str, bool, str]  # name, format, is doubled, as written


def _parse(text: str) -> Iterable[str | _Placeholder]:
    at = 0
    for match in _BRACES.finditer(text):
        if match.start() > at:
            yield text[at : match.start()]
        doubled = match.group(1) is not None
        name = match.group(1) if doubled else match.group(3)
        yield (name, match.group(4) or "", doubled, match.group(0))
        at = match.end()
    if at < len(text):
        yield text[at:]


def _fill_one(placeholder: _Placeholder, values: Mapping[str, Any], known: Iterable[str]) -> str:
    name, spec, is_doubled, written = placeholder
    if name not in values:
        near = name if name in known else _nearest(name, [*values, *known])
        if near is None:
            return written
        if is_doubled:
            return written[1:-1]
        reason = (
            f"this run has no parameter {name!r}"
            if near == name
            else f"no parameter {name!r}; did you mean {{{near}}}?"
        )
        raise PlaceholderError(f"{written}: {reason} (write {{{written}}} to keep the braces)", name=name)
    if is_doubled:
        return written[1:-1]
    try:
        return format(values[name], spec)
    except (ValueError, TypeError, OverflowError) as error:
        raise PlaceholderError(
            f"{written}: the format {spec!r} does not suit {values[name]!r}: {error}", name=name
        ) from None


def _nearest(name: str, names: Iterable[str]) -> str | None:
    lowered = {other.lower(): other for other in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=_LIKENESS)
    return lowered[close[0]] if close else None
