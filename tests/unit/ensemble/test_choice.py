from __future__ import annotations

import sqlite3
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runsemble.ensemble.choice import RANGES, Asked, Choice, needs_attempts
from runsemble.model.status import Cause, StoredStatus
from runsemble.model.where import Condition
from runsemble.model.where_tree import MISSING
from runsemble.store.records import CAUSE_NUMBER, CAUSES, STATUS_NUMBER, STATUSES, StoredAttempt, StoredRun
from runsemble.store.sql import SCHEMA


def a_run(params: str = "{}", status: StoredStatus = "failure", cause: Cause | None = Cause.EXIT) -> StoredRun:
    return StoredRun(7, 1, params, None, None, STATUS_NUMBER[status], CAUSE_NUMBER[cause], 2, 0, 3, None)


def chosen(choice: Choice) -> list[int]:
    """Return what a choice chooses of 60 runs: every status with every cause, and every third has a result."""
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    for id_ in range(60):
        row = (id_, 1, "{}", id_ % len(STATUSES), id_ % len(CAUSES))
        db.execute("INSERT INTO runs (id, recipe, params, state, cause) VALUES (?, ?, ?, ?, ?)", row)
    db.executemany("INSERT INTO results VALUES (?, 'text', '1')", [(id_,) for id_ in range(0, 60, 3)])
    found = [
        id_
        for sql, values in choice.conditions()
        for (id_,) in db.execute(f"SELECT id FROM runs WHERE {sql} ORDER BY id", values)
    ]
    db.close()
    return found


@given(
    st.none() | st.lists(st.integers(0, 70), max_size=20, unique=True).map(sorted),
    st.lists(st.sampled_from(STATUSES), max_size=2),
    st.lists(st.sampled_from(CAUSES), max_size=2),
    st.booleans(),
)
def test_what_is_said_holds_all_at_once(
    ids: list[int] | None, statuses: list[StoredStatus], causes: list[Cause], has_result: bool
) -> None:
    ranges = None if ids is None else [range(id_, id_ + 1) for id_ in ids]
    choice = Choice(ids=ranges, statuses=statuses, causes=causes, has_result=has_result)
    assert chosen(choice) == [
        id_
        for id_ in range(60)
        if (ids is None or id_ in ids)
        and (not statuses or STATUSES[id_ % len(STATUSES)] in statuses)
        and (not causes or CAUSES[id_ % len(CAUSES)] in causes)
        and (not has_result or id_ % 3 == 0)
    ]


def test_very_many_ranges_are_asked_for_some_at_a_time_and_in_order() -> None:
    ranges = [range(2 * at, 2 * at + 1) for at in range(10 * RANGES)]
    conditions = list(Choice(ids=ranges, statuses=["failure"]).conditions())
    assert len(conditions) == 10
    assert all(before[1][-2] < after[1][0] for before, after in pairwise(conditions))
    assert chosen(Choice(ids=ranges)) == list(range(0, 60, 2))


@pytest.mark.parametrize(
    ("statuses", "causes", "index"),
    [(["failure"], [], "runs_by_state"), (["failure"], [Cause.OOM], "runs_by_state"), ([], [], "PRIMARY KEY")],
)
def test_runs_of_one_status_are_found_without_looking_at_the_others(
    statuses: list[StoredStatus], causes: list[Cause], index: str
) -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    ((sql, values),) = Choice(statuses=statuses, causes=causes).conditions()
    plan = db.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM runs WHERE id >= ? AND ({sql}) ORDER BY id LIMIT 9", [0, *values]
    )
    words = " ".join(str(row[3]) for row in plan)
    db.close()
    assert index in words
    assert "TEMP B-TREE" not in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", 1),
        ("result.x", 2),
        ("params.x", 1),
        ("loss", 0.5),
        ("result.loss", 0.5),
        ("params.loss", MISSING),
        ("fit.steps", 9),
        ("result.fit.steps", 9),
        ("a.b", "param with a dot"),
        ("deep.er", 4),
        ("id", 7),
        ("status", "failure"),
        ("cause", "exit"),
        ("attempts", 2),
        ("returncode", 3),
        ("message", "exit code 3"),
        ("time", 1.5),
        ("memory", 2.0),
        ("nothing", MISSING),
        ("nothing.at.all", MISSING),
        ("x.y", MISSING),
    ],
)
def test_a_name_means_a_parameter_then_a_result_then_a_fact(name: str, value: Any) -> None:
    run = a_run('{"x": 1, "a.b": "param with a dot", "deep": {"er": 4}}')
    attempt = StoredAttempt(7, 2, 0, wall_s=1.5, max_rss_bytes=2 << 20)
    asked = Asked(run, {"x": 2, "loss": 0.5, "fit": {"steps": 9}}, attempt)
    assert asked(name) == value


def test_a_result_that_is_no_mapping_has_a_name_too() -> None:
    assert Asked(a_run(), 4)("result") == 4
    assert Asked(a_run(), None)("result") is MISSING


def test_a_run_without_cause_or_attempt_has_none() -> None:
    asked = Asked(a_run(status="pending", cause=None))
    assert [asked(name) for name in ("cause", "time", "memory")] == [MISSING] * 3


def test_attempts_are_looked_up_only_for_what_they_alone_tell() -> None:
    assert needs_attempts(Condition("time > 3"))
    assert not needs_attempts(Condition("loss > 3 and attempts > 1"))
