"""What a name in a condition stands for, in SQL over a row of ``runs``.

The value of such an expression is NULL for what a run does not have, a number (true is 1), or a text; `NONE` for
None, and `UNSURE` where only Python can tell. Other than by lists, objects and escapes, that happens where a key is
found in a text at all, but not where it is looked for: what is searched for is plain, and most texts are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runsemble.store.records import CAUSES, STATUSES

#: The value None.
NONE = "x'01'"
#: Only Python can tell.
UNSURE = "x'00'"

#: Names whose keys stand in JSON as they are, and can be put into a path of SQLite's.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_+:/ -]+(\.[A-Za-z0-9_+:/ -]+)*")
_TAG = "__type__"

#: What a text matches, as GLOB has it, in which something is not ASCII; bytes that are no UTF-8 do, too.
BEYOND_ASCII = "'*[^\x01-\x7f]*'"
#: Results that may be read otherwise by Python: elsewhere, with escapes, NUL or what is no ASCII, long, deep.
_ODD_RESULT = (
    "kind <> 'text' OR instr(value, char(92)) OR length(value) <> length(CAST(value AS BLOB)) "
    f"OR value GLOB {BEYOND_ASCII} OR length(value) > 4000 "
    "OR (length(value) > 900 AND length(value) - length(replace(replace(value, '[', ''), '{', '')) > 200)"
)

_LATEST = "(SELECT {} FROM attempts WHERE attempts.run = runs.id ORDER BY attempt DESC, step DESC LIMIT 1)"


def _spelled(column: str, words: tuple[str, ...]) -> str:
    return f"CASE {column} " + " ".join(f"WHEN {at} THEN '{word}'" for at, word in enumerate(words)) + " END"


#: What is known of every run, see `choice.FACTS`.
_FACTS = {
    "id": "id",
    "status": _spelled("state", tuple(map(str, STATUSES))),
    "cause": _spelled("cause", tuple(map(str, CAUSES))),
    "attempts": "attempt",
    "returncode": f"coalesce(returncode, {NONE})",
    "message": UNSURE,
    "step": "step",
    "time": _LATEST.format("wall_s"),
    "memory": _LATEST.format("CASE WHEN wall_s IS NOT NULL THEN coalesce(max_rss_bytes, 0) / 1048576.0 END"),
}


def name_sql(name: str) -> str | None:
    """Return what a name stands for; None if that cannot be said in SQL. Compare `choice.Asked`."""
    if not _PLAIN_NAME.fullmatch(name) or _TAG in name:
        return None
    head, _, rest = name.partition(".")
    posted = [*_paths(name), *(_paths(rest) if head == "result" and rest else ())]
    ways = [_in_params(_paths(name)), _in_result(posted, is_whole=name == "result")]
    if head == "params" and rest:
        ways.append(_in_params(_paths(rest)))
    ways.append(_FACTS.get(name, "NULL"))
    return f"coalesce({', '.join(ways)})"


def written_sql(name: str) -> str | None:
    """Return how the value of a parameter is written, between brackets, NULL if that is not known; None for others."""
    if not _PLAIN_NAME.fullmatch(name) or "." in name:
        return None
    path = _path((name,))
    return f"CASE WHEN {_has('params', name)} THEN json_extract(params, {path}, {path}) END"


def _paths(name: str) -> list[tuple[str, ...]]:
    """Return where a name may lead to, in order: ``fit.loss`` is a key, or one in an object in an object."""
    head, _, rest = name.partition(".")
    return [(name,), *((head, *path) for path in _paths(rest))] if rest else [(name,)]


def _in_params(paths: list[tuple[str, ...]]) -> str:
    """Return the value at the first of some paths into the parameters, which our own codec has written."""
    return "CASE " + " ".join(_whens(paths, "params", "")) + " END"


def _in_result(paths: list[tuple[str, ...]], *, is_whole: bool) -> str:
    """Return the value at the first of some paths into what a run posted, which anybody may have written."""
    whens = ["WHEN kind = 'bad' THEN NULL", f"WHEN {_ODD_RESULT} THEN {UNSURE}"]
    for path in paths:
        whens += _whens([path], "value", "json_valid(value) AND " + " AND ".join(map(_once, path)))
    if is_whole:
        scalar = f"CASE WHEN json_type(value) IN ('object', 'array') THEN {UNSURE} ELSE json_extract(value, '$') END"
        whens.append(f"WHEN json_valid(value) THEN {scalar} ELSE {UNSURE}")
    return f"(SELECT CASE {' '.join(whens)} END FROM results WHERE results.run = runs.id)"


def _whens(paths: list[tuple[str, ...]], text: str, proviso: str) -> Iterator[str]:
    """Yield the cases in which all keys of a path are somewhere in a text, so that the value may be where it leads."""
    for path in paths:
        sure = [proviso] if proviso else []
        if len(path) > 1 or text == "value" or path == ("value",):
            sure.append(f"NOT {_has(text, _TAG)}")  # a key in a tagged object is no key of what it stands for
        value = f"coalesce(json_extract({text}, {_path(path)}), {_none(text, path)}, {UNSURE})"
        if sure:
            value = f"CASE WHEN {' AND '.join(sure)} THEN {value} ELSE {UNSURE} END"
        yield f"WHEN {' AND '.join(_has(text, key) for key in path)} THEN {value}"


def _none(text: str, path: tuple[str, ...]) -> str:
    return f"CASE json_type({text}, {_path(path)}) WHEN 'null' THEN {NONE} END"


def _path(keys: tuple[str, ...]) -> str:
    return "'$" + "".join(f'."{key}"' for key in keys) + "'"


def _has(text: str, key: str) -> str:
    return f"instr({text}, '\"{key}\"')"


def _once(key: str) -> str:
    """Return whether a key stands in a result no more than once; of two, Python takes the last, SQLite the first."""
    return f"length(value) - length(replace(value, '\"{key}\"', '')) = {len(key) + 2}"
