"""What makes a text with ``%%name%%`` in it one that Jinja takes, doubled percent signs of prose included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from runsemble.errors import TemplateError

if TYPE_CHECKING:
    from jinja2.lexer import Token

#: Blanks one of which stands for a carriage return, which Jinja would make a line end, while a text is parsed.
_STAND_INS = "\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"
#: What begins a part in which ``%%`` means nothing, and what ends it: raw text, blocks, comments.
_OPENING = re.compile(r"(?P<raw>\{%[-+]?\s*raw\s*-?%\})|(?P<block>\{%(?!%))|(?P<comment>\{#)")
_ENDS = {"raw": re.compile(r"\{%-?\s*endraw\s*[-+]?%\}"), "block": re.compile("%}"), "comment": re.compile("#}")}
#: The number of items of an array, in a script for a shell: no comment begins here.
_SHELL_LENGTH = re.compile(r"\$\{#[\w@*]+(\[[^\]\n]*\])?\}")
#: What may follow a ``%%`` that begins a token: a name, a text, a group, a sign; or a blank, under conditions.
_OPENS = re.compile(r"[^\W\d]|[\"'(\[{~+-]|\d")
_NONE: Mapping[str, str] = MappingProxyType({})
_NEVER = re.compile("(?!)")
_LITERAL = "{% raw %}%%{% endraw %}"
_LITERAL_COMMENT = "{% raw %}{#{% endraw %}"


def choose_stand_in(text: str) -> str:
    """Return a blank that does not occur in a text; a carriage return if none of those does either.

    Raises:
        TemplateError: All of them do.
    """
    for sign in _STAND_INS if "\r" in text else "\r":
        if sign not in text:
            return sign
    raise TemplateError("it holds carriage returns, and too many kinds of control characters; use an input file")


def with_carriage_returns(stream: Iterable[Token], stand_in: str) -> Iterator[Token]:
    """Yield the pieces of a text with the carriage returns back in those that are written out."""
    for token in stream:
        if token.type in ("data", "string"):
            token = token._replace(value=token.value.replace(stand_in, "\r"))
        yield token


def as_jinja(text: str, stand_in: str, aliases: Mapping[str, str] = _NONE) -> str:
    """Return a text as Jinja has to have it: no carriage returns, and nothing that looks like a token but is none.

    Args:
        text: As it stands in the file.
        stand_in: What a carriage return becomes; see `choose_stand_in`.
        aliases: For names that are meant wherever they stand alone between signs: what to put in their places.
    """
    source = text.replace("\r", stand_in)
    if "%%" not in source and "{#" not in source:
        return source
    pieces = []
    at = 0
    for start, end in _parts_of_jinja(source):
        pieces += [_spare_signs(source[at:start], aliases), source[start:end]]
        at = end
    return "".join(pieces) + _spare_signs(source[at:], aliases)


def names_in_signs(names: Iterable[str], blanks: str = "") -> re.Pattern[str]:
    """Return the pattern of ``%%name%%`` for names that are meant literally; the first group is the name.

    Args:
        names: At least one.
        blanks: The pattern of what may stand between the signs and the name.
    """
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(f"%%{blanks}({'|'.join(map(re.escape, longest_first))}){blanks}%%")


def _parts_of_jinja(source: str) -> Iterator[tuple[int, int]]:
    """Yield where raw texts, blocks and comments begin and end; an opening that has no end begins nothing."""
    endless: set[str] = set()  #: kinds of which no part ends any more, so that an end is looked for once
    at = 0
    while (opening := _OPENING.search(source, at)) is not None:
        at = opening.end()
        kind = str(opening.lastgroup)
        if kind in endless or (kind == "comment" and _SHELL_LENGTH.match(source, max(0, opening.start() - 1))):
            continue
        end = _ENDS[kind].search(source, at)
        if end is None:
            endless.add(kind)
        else:
            at = end.end()
            yield opening.start(), at


def _spare_signs(text: str, aliases: Mapping[str, str]) -> str:
    known = names_in_signs(aliases, blanks="[ \\t]*") if aliases and "%%" in text else _NEVER
    pieces = []
    at = 0
    while (start := text.find("%%", at)) >= 0:
        before = text[at:start].replace("{#", _LITERAL_COMMENT)
        token, at = _token_at(text, start, known, aliases)
        if token and before.endswith("{"):  # else the brace and the first sign would begin a block
            before = before[:-1] + "{% raw %}{{% endraw %}"
        pieces += [before, token or _LITERAL]
    return "".join(pieces) + text[at:].replace("{#", _LITERAL_COMMENT)


def _token_at(text: str, start: int, known: re.Pattern[str], aliases: Mapping[str, str]) -> tuple[str, int]:
    """Return the token that begins with the ``%%`` at `start`, with its end; an empty one, with the sign's, if none."""
    match = known.match(text, start)
    if match is not None:
        return f"%%{aliases[match[1]]}%%", match.end()
    end = text.find("%%", start + 2)
    if end < 0 or not _is_token(text, start, end):
        return "", start + 2
    return text[start : end + 2], end + 2


def _is_token(text: str, start: int, end: int) -> bool:
    """Tell whether what stands between two ``%%`` is meant to be filled in, rather than a sentence about percentages.

    A token has no blanks at its ends, or has them at both; a number before it makes it a percentage, unless a name
    follows at once.
    """
    inside = text[start + 2 : end]
    follows_number = re.search(r"\d[ \t]?$", text[max(0, start - 2) : start]) is not None
    if inside[:1].isspace() != inside[-1:].isspace():
        return False
    if inside[:1].isspace():
        return not follows_number and "\n" not in inside and bool(inside.strip())
    opening = _OPENS.match(inside)
    return opening is not None and (not follows_number or re.match(r"[^\W\d]", inside) is not None)
