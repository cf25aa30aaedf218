"""Text that the kernel is to take as bytes, and how errors quote it."""

from __future__ import annotations

import os

#: Longest text that an error quotes whole, in characters.
_QUOTED = 60


def why_no_bytes(text: str) -> str | None:
    """Return what keeps a text from being an argument, a variable or a path, as words to follow its name.

    None if nothing does.
    """
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        return f"holds a character that stands for no bytes: {quote(text, error.start)}"
    at = text.find("\0")
    return None if at < 0 else f"holds a zero byte: {quote(text, at)}"


def shown(text: str) -> str:
    """Return a text as an error shows what was typed: as it is if it is short and can be printed, else quoted."""
    return text if len(text) <= _QUOTED and text.isprintable() else quote(text)


def quote(text: str, at: int = 0) -> str:
    """Return a text as an error quotes it: whole if it is short, else what is around position `at`."""
    if len(text) <= _QUOTED:
        return repr(text)
    start = min(max(0, at - _QUOTED // 2), len(text) - _QUOTED)
    end = start + _QUOTED
    before, after = "..." if start else "", "..." if end < len(text) else ""
    return f"{before}{text[start:end]!r}{after} ({len(text)} characters)"
