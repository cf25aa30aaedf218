"""A condition chooses the same runs in SQL as in Python, whatever they have and whoever wrote it."""

from __future__ import annotations

import json
import math
import sqlite3
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from runsemble import codec
from runsemble.ensemble.choice import Asked
from runsemble.ensemble.where_sql import where_sql
from runsemble.errors import ResultError
from runsemble.model.where import Condition
from runsemble.store.records import CAUSES, STATUSES, StoredAttempt, StoredRun
from runsemble.store.sql import SCHEMA, query
from runsemble.store.text import from_store
from runsemble.workdir.results import read_posted

COLUMNS = query("runs_from").split("FROM")[0].removeprefix("SELECT")
NAMES = ("x", "y", "value", "a.b", "a.b.c", "result", "result.x", "params.x", "id", "status", "cause", "returncode",
         "attempts", "step", "time", "memory", "message")  # fmt: skip
KEYS = ("x", "y", "a", "b", "c", "a.b", "b.c", "value", "result", "params", "returncode", "status", "__type__")

numbers = (
    st.integers(-3, 3)
    | st.sampled_from([0.3, 0.1 + 0.2, -0.0, 1.0, 0.5, 1e-300, 5e-324, 1e22, 1e308, 2**53 + 1, -(2**63), 2**63, 10**30])
    | st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.sampled_from(["", "x", "0.3", "1", " 2 ", "1_0", "nan", "inf", "[", "{}", "é", "a'b", "\0", "\udc80", "\\"])
plain = st.none() | st.booleans() | numbers | texts | st.text(max_size=3)
odd = st.sampled_from([math.nan, math.inf, (1, 2), Decimal("0.3"), b"x", {"x": (1,)}, {1: 2}, {"b": {"c": 1}}, [], {}])
values = st.recursive(
    plain | odd,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=5,
)
simple = st.fixed_dictionaries({}, optional={"x": numbers, "y": plain})
maps = simple | simple | st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
#: What people's programs write.
foreign = st.sampled_from(
    [
        '{"x": 1, "x": 2}', '{"x": NaN}', '{"x": 0.30}', '{"x": 1E-1}', '{"\\u0078": 1}', '{"x": "\\u00e9"}', "", "1",
        '{"x": 1', '{"x":1e999}', "[1]", '{"x":{"__type__":"tuple","value":[1]}}', '{"y":"x","x":3}', '{"x":"\xe9"}',
        '{"x": "\udc80"}', '\ufeff{"x": 1}', '{"x":1}\0', ' {"x" : 1} ', '{"a":{"x":1}}', "true", '"x"', "null",
        '{"x": 100000000000000000000}', '{"x": -0}', '{"x":[' + "[" * 600 + "]" * 600 + '],"y":1}',
    ]
)  # fmt: skip
posted = st.none() | st.tuples(st.sampled_from(["file", "bad"]), st.just("1")) | st.tuples(
    st.just("text"), foreign | maps.map(lambda value: codec.encode(value, allow_pickle=True))
)  # fmt: skip
attempts = st.none() | st.tuples(st.none() | numbers, st.none() | st.integers(0, 2**40))
facts = st.tuples(
    st.integers(0, len(STATUSES) - 1),
    st.none() | st.integers(0, len(CAUSES) - 1),
    st.integers(0, 2),
    st.integers(0, 1),
    st.none() | st.integers(-2, 3),
)
runs = st.lists(st.tuples(maps, posted, attempts, facts), min_size=1, max_size=6)

names = st.sampled_from(["x", "y", "x", "y", *NAMES])
constants = st.sampled_from(
    ["0", "1", "2", "3", "-1", "0.3", "0.30000000000000004", "0.5", "1.0", "1e-300", "1e22", "9007199254740993", "true",
     "none", "'x'", "'0.3'", "''", "'failure'", "'exit'", "'1_0'", "'[1]'", "'a\\'b'"]
)  # fmt: skip
rare = st.sampled_from(["1e999", "1e308", "'nan'", "'é'", "(x > 1)", "9223372036854775808"])
terms = st.sampled_from([names, names, constants, constants, rare]).flatmap(lambda kind: kind)
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "=", "<>"])
comparisons = st.builds(lambda left, sign, right: f"{left} {sign} {right}", names, signs, constants | names)
chains = st.builds(lambda *parts: " ".join(parts), terms, signs, terms, signs, terms)
conditions = st.recursive(
    comparisons | comparisons | chains | names | terms,
    lambda inner: (
        inner.map(lambda one: f"not ({one})")
        | st.builds(lambda one, word, other: f"({one}) {word} ({other})", inner, st.sampled_from(["and", "or"]), inner)
    ),
    max_leaves=4,
)


def stored(all_of: list[Any]) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.text_factory = from_store
    db.executescript(SCHEMA)
    for id_, (params, result, attempt, (state, cause, made, step, returncode)) in enumerate(all_of):
        text = codec.encode(params) if params else ""
        db.execute(
            "INSERT INTO runs (id, recipe, params, state, cause, attempt, step, returncode) VALUES (?,1,?,?,?,?,?,?)",
            (id_, text, state, cause, made, step, returncode),
        )
        if result is not None:
            raw = result[1].encode("utf-8", "surrogateescape")
            db.execute("INSERT INTO results VALUES (?, ?, CAST(? AS TEXT))", (id_, result[0], raw))
        if attempt is not None:
            wall, rss = attempt
            wall = None if wall is None else float(wall)
            for number in (1, 2):
                row = StoredAttempt(id_, number, 0, wall_s=wall if number == 2 else 7.0, max_rss_bytes=rss)
                db.execute(query("record_attempts"), row)
    return db


def in_python(db: sqlite3.Connection, condition: Condition) -> list[int]:
    chosen = []
    for run in (StoredRun(*row) for row in db.execute(f"SELECT {COLUMNS} FROM runs ORDER BY id").fetchall()):
        row = db.execute(query("result"), (run.id,)).fetchone()
        try:
            result = None if row is None else read_posted(row, "/nowhere/results.json", False)
        except ResultError:
            result = None
        latest = [StoredAttempt(*one) for one in db.execute(query("attempts"), (run.id,))]
        if condition.holds(Asked(run, result, latest[-1] if latest else None)):
            chosen.append(run.id)
    return chosen


@given(conditions, runs)
@example("x == 0.3", [({"x": 0.3}, None, None, (0, None, 0, 0, None))])
@example("result.x > 1", [({}, ("text", '{"x": 1, "x": 2}'), None, (0, None, 0, 0, None))])
def test_a_condition_chooses_the_same_runs_in_sql(text: str, all_of: list[Any]) -> None:
    condition = Condition(text)
    said = where_sql(condition.tree)
    if said is None:
        return
    db = stored(all_of)
    rows = db.execute(said.select(COLUMNS, "1"), (0, 99)).fetchall()
    sure, doubtful = map(json.loads, db.execute(said.select_ids("1"), (0, 99)).fetchone())
    truly = in_python(db, condition)
    db.close()
    assert {row[0] for row in rows if not row[-1]} <= set(truly) <= {row[0] for row in rows}
    assert [row[0] for row in rows] == sorted([*sure, *doubtful])
    assert sure == [row[0] for row in rows if not row[-1]]
