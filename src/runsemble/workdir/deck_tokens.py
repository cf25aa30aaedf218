"""The built-in engine: replaces ``%%name%%``, and the older ``# UQP_VARIABLE = name``."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

_OLD = "UQP_VARIABLE"


def fill_tokens(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with every known token replaced; unknown ones stay.

    ``%%name%%`` becomes the value. On a line with ``# UQP_VARIABLE = name``, what stands from the first equals sign
    through the name becomes an equals sign, a blank, the value; the last such name of the line counts. Names are meant
    literally, and as a whole. What has been filled in is not looked at again.
    """
    if not values:
        return text
    newer, older = _patterns(tuple(values))

    def fill(match: re.Match[str]) -> str:
        return str(values[match[1]])

    if _OLD not in text:
        return newer.sub(fill, text)
    return "\n".join(_fill_line(line, values, newer, older) for line in text.split("\n"))


def _fill_line(line: str, values: Mapping[str, Any], newer: re.Pattern[str], older: re.Pattern[str]) -> str:
    def fill(match: re.Match[str]) -> str:
        return str(values[match[1]])

    found = older.search(line) if _OLD in line else None
    if found is None:
        return newer.sub(fill, line)
    before, after = line[: found.start()], line[found.end() :]
    return f"{newer.sub(fill, before)}= {values[found[1]]}{newer.sub(fill, after)}"


@functools.lru_cache(maxsize=64)
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of the two forms, in which the first group is the name."""
    one_of = "(" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + ")"
    return re.compile(f"%%{one_of}%%"), re.compile(rf"=.*#\s*{_OLD}\s*=\s*{one_of}(?!\w)")
