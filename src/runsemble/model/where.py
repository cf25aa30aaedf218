"""Conditions that people write to choose runs: ``beta > 0.3 and status == "failure"``.

A condition compares names with numbers and texts, combined with ``and``, ``or``, ``not`` and brackets. Nothing in it is
ever executed. What a run does not have makes a comparison unknown, as NULL does in SQL: such a run is not chosen, nor
is it by ``not``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from runsemble.errors import UsageError
from runsemble.model.text import quote
from runsemble.model.where_tree import (
    EQUAL,
    ORDERS,
    UNEQUAL,
    Both,
    Comparison,
    Constant,
    Either,
    Lookup,
    Name,
    Negation,
    Tree,
    truth,
)

#: Brackets and ``not`` that may stand inside each other.
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<ticked>`[^`]+`)
    |(?P<name>[^\W\d]\w*(?:\.\w+)*)
    |(?P<sign><=|>=|==|!=|<>|<|>|=|\(|\)|-))""",
    re.VERBOSE,
)
_COMPARES = {*ORDERS, *EQUAL, *UNEQUAL}
_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None, "null": None}
#: What other languages write instead.
_MEANT = {"&": "and", "|": "or", "!": "not", "~": "not"}


class Condition:
    """A condition, read once and asked of every run.

    Args:
        text: As it was written.

    Raises:
        UsageError: It cannot be read; the text says where, and what was expected.
    """

    __slots__ = ("names", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        parser = _Parser(text)
        self.tree = parser.parse()
        self.names = tuple(dict.fromkeys(parser.names))  #: what it needs to know of a run

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def holds(self, lookup: Lookup) -> bool:
        """Tell whether it is true of a run."""
        return truth(self.tree.of(lookup)) is True


def unknown_name(name: str, known: Iterable[str]) -> UsageError:
    """Return what to raise for a name that no run has, with the nearest one that some have."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}" if names else "there are none"
    return UsageError(f"no run has a parameter or a result {name!r}; {hint}")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Parser:
    """Reads a condition by recursive descent, one method for each level of binding."""

    def __init__(self, text: str) -> None:
        self.names: list[str] = []
        self._text = text
        self._tokens = list(self._split())
        self._next = 0
        self._depth = 0

    def parse(self) -> Tree:
        if len(self._tokens) == 1:
            raise self._error("it is empty; write something such as beta > 0.3")
        whole = self._either()
        if self._peek.kind != "end":
            raise self._error(f"{self._seen()} is not expected; combine comparisons with and, or")
        return whole

    def _split(self) -> Iterable[_Token]:
        at, end = 0, len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                rest = self._text[at:].lstrip()
                meant = _MEANT.get(rest[0])
                raise self._error(
                    f"{quote(rest[:1])} means nothing; write {meant}" if meant else
                    f"{quote(rest[0])} opens a text that is not closed" if rest[0] in "'\"`" else
                    f"{quote(rest.split()[0])} cannot be read"
                )  # fmt: skip
            assert match.lastgroup is not None
            text = match[match.lastgroup]
            is_word = match.lastgroup == "name" and text.lower() in ("and", "or", "not")
            yield _Token(text.lower() if is_word else match.lastgroup, text, match.start(match.lastgroup))
            at = match.end()
        yield _Token("end", "", end)

    # Levels, from the loosest

    def _either(self) -> Tree:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Tree:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _negation(self) -> Tree:
        if not self._take("not"):
            return self._comparison()
        with _Deeper(self):
            return Negation(self._negation())

    def _comparison(self) -> Tree:
        terms, signs = [self._term()], list[str]()
        while self._peek.kind == "sign" and self._peek.text in _COMPARES:
            signs.append(self._pop().text)
            terms.append(self._term())
        return Comparison(tuple(terms), tuple(signs)) if signs else terms[0]

    def _term(self) -> Tree:
        token = self._pop()
        if token.kind == "number":
            return Constant(_number(token.text))
        if token.kind == "text":
            return Constant(re.sub(r"\\(.)", r"\1", token.text[1:-1]))
        if token.kind == "name" and token.text.lower() in _WORDS:
            return Constant(_WORDS[token.text.lower()])
        if token.kind in ("name", "ticked"):
            name = token.text.strip("`")
            self.names.append(name)
            return Name(name)
        if token.text == "-" and self._peek.kind == "number":
            return Constant(-_number(self._pop().text))
        if token.text == "(":
            with _Deeper(self):
                inner = self._either()
            if not self._take(")"):
                raise self._error(f"a bracket is not closed before {self._seen()}")
            return inner
        self._next -= 1
        raise self._error(f"a name or a value is expected instead of {self._seen()}")

    # Tokens

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _pop(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _take(self, what: str) -> bool:
        is_there = self._peek.kind != "end" and what in (self._peek.kind, self._peek.text)
        is_there = is_there and self._peek.kind not in ("text", "ticked")
        self._next += is_there
        return is_there

    def _seen(self) -> str:
        return "its end" if self._peek.kind == "end" else quote(self._text[self._peek.at :][:20])

    def _error(self, what: str) -> UsageError:
        return UsageError(f"the condition {quote(self._text)} cannot be read: {what}")


class _Deeper:
    """Counts how deep things stand inside each other."""

    def __init__(self, parser: _Parser) -> None:
        self._parser = parser

    def __enter__(self) -> None:
        self._parser._depth += 1
        if self._parser._depth > MAX_DEPTH:
            raise self._parser._error(f"more than {MAX_DEPTH} brackets stand inside each other")

    def __exit__(self, *_: object) -> None:
        self._parser._depth -= 1


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() and len(text) < 4000 else float(text)
