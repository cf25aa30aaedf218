from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from runsemble.ensemble.choice import Choice
from runsemble.ensemble.look import looking
from runsemble.ensemble.where_sql import where_sql
from runsemble.errors import UsageError
from runsemble.model.where import Condition
from runsemble.store.reader import PAGE
from runsemble.store.records import NewRun, RunUpdate
from runsemble.store.sql import SCHEMA
from runsemble.store.writer import create_study

RUNS = PAGE + 200


@pytest.fixture
async def study(tmp_path: Path) -> str:
    """A study of more than a page: x is the id as a number, every fifth time as a list; the first two posted y."""
    rows = [NewRun(id_, 1, f'{{"x":{[id_] if id_ % 5 == 0 else id_},"half":{id_ / 2}}}') for id_ in range(RUNS)]
    async with create_study(str(tmp_path), {"first_id": 0}, {"output": "files"}) as writer:
        await writer.commit([("add_runs", rows), ("count_in", [(RUNS, 0)])])
        await writer.commit([("record_runs", [RunUpdate(1, 0, 1, 0, 0, None, 3)])])
        await writer.commit([("record_results", [(0, "text", '{"y":0.5}'), (1, "text", '{"y":NaN}')])])
    return str(tmp_path)


async def found(study: str, condition: str, skip: int = 0, **choice: object) -> list[int]:
    """Return the ids of the runs that are chosen, asked for in both ways."""
    meant = Choice(where=Condition(condition), **choice)  # type: ignore[arg-type]
    async with looking(study) as look:
        runs = [run.id async for run in look.chosen(meant, skip)]
        assert [id_ async for ids in look.chosen_ids(meant, skip) for id_ in ids] == runs
    return runs


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        (f"x >= {RUNS - 6}", [n for n in range(RUNS - 6, RUNS) if n % 5]),
        ("half == 2.5 or half = 1", [2, 5]),
        ("y > 0.4", [0]),
        ("y != 3", [0, 1]),
        ("status == 'success' and attempts == 1", [3]),
        ("not x or id < 1", [0]),
        ("(x < 3) == true", [1, 2]),
    ],
)
async def test_runs_are_found_that_fulfil_a_condition(study: str, condition: str, ids: list[int]) -> None:
    assert await found(study, condition) == ids


async def test_the_first_ones_are_left_out_on_whatever_page_they_are(study: str) -> None:
    assert await found(study, "half >= 0", RUNS - 2) == [RUNS - 2, RUNS - 1]
    assert await found(study, "half >= 0", RUNS + 2) == []


async def test_what_is_said_beside_a_condition_holds_too(study: str) -> None:
    assert await found(study, "half > 0", ids=[range(2, 4), range(9, 10)]) == [2, 3, 9]
    assert await found(study, "half > 0", statuses=["success"]) == [3]


@pytest.mark.parametrize("condition", ["x > 3 or hlf < 1", "(hlf > 1) == true", "x > 1e6 and hlf > 2"])
async def test_a_name_that_no_run_has_is_refused(study: str, condition: str) -> None:
    with pytest.raises(UsageError, match="a parameter or a result 'hlf'; did you mean 'half'"):
        await found(study, condition)


async def test_a_name_that_one_run_has_is_known_even_if_only_python_can_tell(study: str) -> None:
    assert await found(study, "y > 1 and half > 1e9") == []
    with pytest.raises(UsageError, match="'y'"):
        await found(study, "y > 1", ids=[range(2, 9)])


def test_a_condition_is_asked_in_one_pass_in_the_order_of_ids() -> None:
    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA)
    said = where_sql(Condition("beta > 0.3 and loss < 1").tree)
    assert said is not None
    for among, index in (("1", "PRIMARY KEY (rowid>?)"), ("state = 2", "runs_by_state (state=? AND rowid>?)")):
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {said.select('id', among)}", (0, 9))]
        assert any(index in line for line in plan)
        assert not [line for line in plan if "TEMP B-TREE" in line or "MATERIALIZE" in line or "SCAN results" in line]
    db.close()
