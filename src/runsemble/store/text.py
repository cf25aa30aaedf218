"""Texts that may hold bytes which are no text, as file names and output do: kept as they are.

In Python such a byte is a lone surrogate (PEP 383), which sqlite3 refuses to write. Here the text travels as bytes, and
the statement turns it back into what SQLite calls text.
"""

from __future__ import annotations

from typing import overload


@overload
def to_store(text: str) -> str | bytes: ...
@overload
def to_store(text: None) -> None: ...


def to_store(text: str | None) -> str | bytes | None:
    """Return a text as a statement takes it, which must have it in ``CAST(? AS TEXT)``."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "surrogatepass" if _has_true_surrogates(text) else "surrogateescape")


def from_store(data: bytes) -> str:
    """Return the text that was written (a `text_factory` of sqlite3)."""
    try:
        return data.decode("utf-8", "surrogateescape")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _has_true_surrogates(text: str) -> bool:
    """Tell whether a text holds surrogates that do not stand for bytes."""
    return any("\ud800" <= sign <= "\udc7f" or "\udd00" <= sign <= "\udfff" for sign in text)
