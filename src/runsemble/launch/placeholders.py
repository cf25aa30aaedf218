"""Placeholders in commands, directory names and environment values: ``{beta}``, ``{beta:.3f}``.

Only an identifier in braces that is known is replaced; every other brace stays, so that ``awk '{print $1}'`` needs no
care. ``{{beta}}`` stands for ``{beta}`` itself. An identifier that is nearly one that is known is an error, since it
is most likely a slip of the pen. In a text for a shell, ``${HOME}`` is the shell's.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runsemble.errors import PlaceholderError

_BRACES = re.compile(r"\{\{([^\W\d]\w*)(:[^{}]*)?\}\}|\{([^\W\d]\w*)(?::([^{}]*))?\}")
_BRACES_IN_SHELL = re.compile(r"(?<!\$)(?:" + _BRACES.pattern + ")")

#: How alike two names must be for one to be taken as a misspelling of the other (1 = the same).
_LIKENESS = 0.75


class ShellText(str):
    """A text for a shell: what is filled in is quoted, so that a shell takes it for one word."""

    __slots__ = ()


_Placeholder = tuple[str, str, bool, str]  # name, format, is doubled, as written


class Template:
    """A string with placeholders, parsed once and filled in for every run.

    Args:
        text: What was written.
        is_literal: Nothing in it is a placeholder.
    """

    __slots__ = ("_parts", "_quote", "text")

    def __init__(self, text: str, *, is_literal: bool = False) -> None:
        self.text = text
        self._parts = [text] if is_literal else list(_parse(text))
        self._quote: Callable[[str], str] | None = shlex.quote if isinstance(text, ShellText) else None

    @property
    def is_constant(self) -> bool:
        """Tell whether nothing in it could be replaced."""
        return not any(isinstance(part, tuple) for part in self._parts)

    @property
    def names(self) -> list[str]:
        """What stands in single braces, in order."""
        return [part[0] for part in self._parts if isinstance(part, tuple) and not part[2]]

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
        return "".join(part if isinstance(part, str) else self._fill_one(part, values, known) for part in self._parts)

    def _fill_one(self, placeholder: _Placeholder, values: Mapping[str, Any], known: Iterable[str]) -> str:
        text = _fill_one(placeholder, values, known)
        return self._quote(text) if self._quote is not None and not placeholder[2] and text != placeholder[3] else text


class AsWritten:
    """A value together with the text it was read from; filled in without a format, the text is what appears.

    Four formats are about paths, as in GNU parallel: ``.`` without the extension, ``/`` the last part, ``//`` all but
    the last part, ``/.`` the last part without the extension.
    """

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: str) -> None:
        self.value, self.text = value, text

    def __format__(self, spec: str) -> str:
        """Return the text, a part of it as a path, or the formatted value."""
        part = _PATH_PARTS.get(spec)
        if part is not None:
            return part(self.text)
        try:
            return format(self.value, spec)
        except ValueError:
            return format(float(self.text), spec)  # "0.10" is a text, but whoever writes {x:.3f} means the number

    def __repr__(self) -> str:
        return repr(self.value)


_PATH_PARTS: Mapping[str, Callable[[str], str]] = {
    "": str,
    ".": lambda text: os.path.splitext(text)[0],
    "/": os.path.basename,
    "//": lambda text: os.path.dirname(text) or ".",
    "/.": lambda text: os.path.splitext(os.path.basename(text))[0],
}


def _parse(text: str) -> Iterable[str | _Placeholder]:
    at = 0
    for match in (_BRACES_IN_SHELL if isinstance(text, ShellText) else _BRACES).finditer(text):
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
        near = name if name in known else nearest(name, [*values, *known])
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
    value = values[name]
    if spec in _PATH_PARTS and type(value) in (str, int, float):
        value = AsWritten(value, str(value))
    try:
        return format(value, spec)
    except (ValueError, TypeError, OverflowError) as error:
        raise PlaceholderError(
            f"{written}: the format {spec!r} does not suit {values[name]!r}: {error}", name=name
        ) from None


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` of which `name` is most likely a misspelling, None if it is of none."""
    lowered = {other.lower(): other for other in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=_LIKENESS)
    return lowered[close[0]] if close else None
