"""A condition in SQL, so that a million runs are asked in a second.

SQL knows three answers as conditions do. What it cannot tell exactly is told apart: a row is *in doubt* where a value
is a list or an object, a text of more than plain characters, or a number so near to another that SQLite, which reads
decimals less exactly than Python, may err. Of those rows Python decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runsemble.ensemble.where_names import BEYOND_ASCII, NONE, UNSURE, name_sql, written_sql
from runsemble.model.where_tree import (
    EQUAL,
    UNEQUAL,
    Both,
    Comparison,
    Constant,
    Either,
    Name,
    Negation,
    Tree,
    as_number,
    compare,
    truth,
)

#: Nearer to each other than this, as a part of them, two numbers may be equal.
_NEAR = 1e-9
#: And absolutely; SQLite may take what is nearer to zero for zero.
_TINY = 1e-290
#: Numbers beyond are left to Python, and so are integers that are not exact as float.
_HUGE, _EXACT = 1e300, 2**53
#: Comparisons that one condition may have.
MOST = 100

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
#: Texts that can stand in SQL, and mean the same in UTF-8 as in Python.
_PLAIN_TEXT = re.compile(r"[ -~]*")


@dataclass(frozen=True, slots=True)
class WhereSql:
    """A condition in SQL, beside one over ``runs`` that was said in SQL before; its values are bound as in there."""

    names: tuple[str, ...]
    values: tuple[str, ...]  #: what each name stands for, over ``runs``
    holds: str  #: over those as v0, v1 and so on: 1, 0 or NULL
    doubt: str  #: whether only Python can tell

    def select(self, columns: str, among: str) -> str:
        """Return the query for the runs of which it holds, or may, in order; last comes whether that is in doubt.

        Bind the least id, the values of `among`, and how many runs are wanted at most.
        """
        values = ", ".join(f"{value} AS v{at}" for at, value in enumerate(self.values))
        return (
            f"SELECT {columns}, {self.doubt} FROM ({_within(f'{columns}, params, {values}', among)}) "
            f"WHERE {self.holds} OR {self.doubt} LIMIT ?"
        )

    def select_ids(self, among: str) -> str:
        """Return the query for ids as two lists in JSON: of the runs of which it holds, and of those in doubt.

        So many are read much faster in one row than in a row each. Bind the least id, the first one that is too high,
        and the values of `among`.
        """
        values = ", ".join(f"{value} AS v{at}" for at, value in enumerate(self.values))
        return (
            f"SELECT json_group_array(id) FILTER (WHERE NOT coalesce({self.doubt}, 0)), "
            f"json_group_array(id) FILTER (WHERE {self.doubt}) "
            f"FROM ({_within(f'id, params, {values}', f'id < ? AND ({among})')}) WHERE {self.holds} OR {self.doubt}"
        )

    def select_with(self, name: str, columns: str, among: str) -> str:
        """Return the query for the runs that have something of a name, or may; the rest is as in `select`."""
        value = self.values[self.names.index(name)]
        inner = _within(f"{columns}, {value} AS v", among)
        return f"SELECT {columns}, v = {UNSURE} FROM ({inner}) WHERE v IS NOT NULL LIMIT ?"


def _within(columns: str, among: str) -> str:
    """Return the inner query; its limit keeps SQLite from writing a column out, and reading it anew, wherever it is."""
    return f"SELECT {columns} FROM runs WHERE id >= ? AND ({among}) ORDER BY id LIMIT -1"


@dataclass(frozen=True, slots=True)
class _Part:
    holds: str
    doubts: tuple[str, ...] = ()


class _Unsayable(Exception):
    """Something cannot be said in SQL."""


def where_sql(tree: Tree) -> WhereSql | None:
    """Return a condition in SQL; None if it cannot be said."""
    speaker = _Speaker()
    try:
        part = speaker.say(tree)
    except _Unsayable:
        return None
    if not speaker.columns or len(part.doubts) > MOST:
        return None
    doubt = " OR ".join(f"({doubt})" for doubt in dict.fromkeys(part.doubts))
    return WhereSql(tuple(speaker.columns), tuple(speaker.values), f"({part.holds})", f"({doubt or 0})")


class _Speaker:
    def __init__(self) -> None:
        self.columns: dict[str, str] = {}  #: by name
        self.values: list[str] = []

    def say(self, tree: Tree) -> _Part:
        """Return what is true of a run, as a condition."""
        if isinstance(tree, Comparison):
            pairs = zip(tree.terms, tree.signs, tree.terms[1:], strict=False)
            return _joined(" AND ", [self._comparison(*pair) for pair in pairs])
        if isinstance(tree, Negation):
            inner = self.say(tree.inner)
            return _Part(f"NOT ({inner.holds})", inner.doubts)
        if isinstance(tree, Both | Either):
            return _joined(" AND " if isinstance(tree, Both) else " OR ", [self.say(part) for part in tree.parts])
        if isinstance(tree, Constant):
            return _Part(_literal(truth(tree.value)))
        return _truth(self._column(tree))

    def _comparison(self, left: Tree, sign: str, right: Tree) -> _Part:
        sign = "==" if sign in EQUAL else "<>" if sign in UNEQUAL else sign
        if isinstance(left, Constant) and isinstance(right, Constant):
            return _Part(_literal(compare(sign, left.value, right.value)))
        if isinstance(left, Constant) and isinstance(right, Name):
            left, sign, right = right, _FLIPPED.get(sign, sign), left
        if not isinstance(left, Name):
            raise _Unsayable
        if isinstance(right, Name):
            return _beside(self._column(left), sign, self._column(right))
        if not isinstance(right, Constant):
            raise _Unsayable
        column, value = self._column(left), right.value
        if value is None:
            return _beside_none(column, sign)
        if isinstance(value, str):
            return _beside_text(column, sign, value, written_sql(left.name))
        return _beside_number(column, sign, value, written_sql(left.name))

    def _column(self, name: Name) -> str:
        if name.name not in self.columns:
            value = name_sql(name.name)
            if value is None:
                raise _Unsayable
            self.columns[name.name] = f"v{len(self.columns)}"
            self.values.append(value)
        return self.columns[name.name]


def _joined(word: str, parts: list[_Part]) -> _Part:
    return _Part(word.join(f"({part.holds})" for part in parts), tuple(one for part in parts for one in part.doubts))


# Numbers are less than texts, and these less than blobs, as SQLite orders them.


def _cases(number: str, none: str, text: str, column: str) -> str:
    return (
        f"CASE WHEN {column} < '' THEN {number} WHEN {column} < x'' THEN {text} WHEN {column} = {NONE} THEN {none} END"
    )


def _odd_text(column: str) -> str:
    """Return whether a text may be no text, or another one in Python."""
    return f"substr({column}, 1, 1) IN ('{{', '[') OR {column} GLOB {BEYOND_ASCII} OR instr(params, '\\u0000')"


def _truth(column: str) -> _Part:
    doubt = _cases(
        f"{column} BETWEEN -{_TINY} AND {_TINY} AND typeof({column}) = 'real'", "0", _odd_text(column), column
    )
    return _Part(_cases(f"{column} <> 0", "NULL", f"{column} <> ''", column), (doubt, _is_unsure(column)))


def _is_unsure(column: str) -> str:
    return f"{column} = {UNSURE}"


def _beside_none(column: str, sign: str) -> _Part:
    if sign not in ("==", "<>"):
        return _Part("NULL")
    return _Part(f"{column} {sign} {NONE}", (_is_unsure(column),))


def _beside_number(column: str, sign: str, value: int | float, written: str | None) -> _Part:
    holds, doubt = _number(column, sign, value, written)
    differs = _literal(_differs(sign))
    return _Part(_cases(holds, differs, "NULL", column), (_cases(doubt, "0", "1", column), _is_unsure(column)))


def _beside_text(column: str, sign: str, text: str, written: str | None) -> _Part:
    if not _PLAIN_TEXT.fullmatch(text):
        raise _Unsayable
    number, differs = as_number(text), _literal(_differs(sign))
    holds, doubt = (differs, "0") if number is None else _number(column, sign, number, written)
    quoted = "'" + text.replace("'", "''") + "'"
    return _Part(
        _cases(holds, differs, f"{column} {sign} {quoted}", column),
        (_cases(doubt, "0", _odd_text(column), column), _is_unsure(column)),
    )


def _differs(sign: str) -> bool | None:
    """Return what a comparison says of values that are in no order."""
    return {"==": False, "<>": True}.get(sign)


def _number(column: str, sign: str, value: int | float, written: str | None) -> tuple[str, str]:
    """Return what a number in a column is beside a given one, and whether that is in doubt."""
    if not abs(value) <= _HUGE:  # nor is nan
        raise _Unsayable
    value = int(value) if isinstance(value, bool) else value
    margin = abs(float(value)) * _NEAR + _TINY
    least, most = repr(float(value) - margin), repr(float(value) + margin)
    above, equal, below = (_literal(compare(sign, number, 0)) for number in (1, 0, -1))
    is_near = f"{column} BETWEEN {least} AND {most}"
    is_decided = "0" if written is None else f"coalesce({written} IN ({_spellings(value)}), 0)"
    near = equal
    if value == int(value) and abs(value) <= _EXACT:
        near = f"CASE WHEN typeof({column}) = 'integer' THEN {column} {sign} {int(value)} ELSE {equal} END"
        is_decided = f"(typeof({column}) = 'integer' OR {is_decided})"
    holds = f"CASE WHEN {column} > {most} THEN {above} WHEN {column} < {least} THEN {below} ELSE {near} END"
    # AND would have SQLite look how the number is written in every row.
    return holds, f"CASE WHEN {is_near} THEN NOT {is_decided} ELSE 0 END"


def _spellings(value: int | float) -> str:
    """Return how JSON of ours may write a number, each between brackets as a list of two."""
    spelled = {repr(value)} if type(value) is int else {repr(float(value))}
    if value == int(value):
        spelled |= {str(int(value))}
        if float(value) == value:
            spelled |= {repr(float(value))}
    if value == 0:
        spelled |= {"-0.0"}
    return ", ".join(f"'[{text},{text}]'" for text in sorted(spelled))


def _beside(left: str, sign: str, right: str) -> _Part:
    """Return how what two names stand for compares: sure of two texts, two integers, and numbers that are apart."""
    numbers = f"{left} < '' AND {right} < ''"
    texts = f"{left} >= '' AND {left} < x'' AND {right} >= '' AND {right} < x''"
    is_apart = f"abs({left} - {right} + 0.0) > {_NEAR} * (abs({left} + 0.0) + abs({right} + 0.0)) + {_TINY}"
    is_whole = f"typeof({left}) = 'integer' AND typeof({right}) = 'integer'"
    doubt = (
        f"CASE WHEN {left} IS NULL OR {right} IS NULL THEN 0 WHEN {numbers} THEN NOT ({is_whole} OR {is_apart}) "
        f"WHEN {texts} THEN {_odd_text(left)} OR {_odd_text(right)} ELSE 1 END"
    )
    holds = f"CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {left} {sign} {right} END"
    return _Part(holds, (doubt,))


def _literal(value: bool | None) -> str:
    return "NULL" if value is None else str(int(value))
