"""The SQL: all of it is used, fits the tables, and finds what it looks for without reading every run."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from runsemble.store import sql
from runsemble.store.records import NewRun, RunUpdate, StoredAttempt, StoredRun

SOURCES = Path(sql.__file__).parents[1]
NAMES = re.findall(r"^-- name: (\w+)$", (Path(sql.__file__).parent / "queries.sql").read_text(), re.MULTILINE)
#: Nobody asks for these yet; one that is used must be taken out.
NOT_USED_YET = {"index_identities"}
#: These read every run, since every one is asked for.
READ_ALL = {"ids", "identities"}
#: These read backwards from the last one, and no further than they are told.
READ_THE_LAST = {"latest_ends"}


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:")
    db.executescript(sql.SCHEMA)
    db.execute(sql.query("index_identities"))
    yield db
    db.close()


def plan_of(db: sqlite3.Connection, statement: str) -> list[str]:
    """Return how SQLite goes about a statement, in its words."""
    marks = [None] * statement.count("?")
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", marks)]


def test_every_query_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES) > 30


def test_every_query_is_used() -> None:
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py"))
    unused = {name for name in NAMES if f'"{name}"' not in text}
    assert unused == NOT_USED_YET


@pytest.mark.parametrize("name", NAMES)
def test_a_query_fits_the_tables(db: sqlite3.Connection, name: str) -> None:
    statement = sql.query(name)
    assert db.execute(f"EXPLAIN {statement}", [None] * statement.count("?")).fetchall()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in READ_ALL | READ_THE_LAST])
def test_a_query_never_reads_every_run_attempt_result_or_end(db: sqlite3.Connection, name: str) -> None:
    plan = plan_of(db, sql.query(name))
    assert not [line for line in plan if re.match(r"SCAN (runs|attempts|results|ends|commands)\b", line)], plan


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("runs_in_state", "USING INDEX runs_by_state (state=? AND rowid>?)"),
        ("ids_in_state", "USING COVERING INDEX runs_by_state (state=?)"),
        ("by_identity", "USING COVERING INDEX runs_by_identity (identity=?)"),
        ("runs_from", "USING INTEGER PRIMARY KEY (rowid>?)"),
        ("attempts", "USING PRIMARY KEY (run=?)"),
        ("ends_after", "USING INTEGER PRIMARY KEY (rowid>?)"),
        ("in_directory", "USING COVERING INDEX runs_by_directory (directory=?)"),
        ("below_directory", "USING COVERING INDEX runs_by_directory (directory>? AND directory<?)"),
    ],
)
def test_a_query_finds_runs_by_its_index(db: sqlite3.Connection, name: str, index: str) -> None:
    plan = plan_of(db, sql.query(name))
    assert any(line.endswith(index) for line in plan), plan


def test_runs_are_looked_up_by_their_ids_one_by_one(db: sqlite3.Connection) -> None:
    columns = sql.query("runs_from").split("FROM")[0]
    plan = plan_of(db, f"{columns} FROM runs WHERE id >= ? AND (id IN (?,?)) ORDER BY id LIMIT ?")
    assert plan == ["SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)"]


@pytest.mark.parametrize(
    ("name", "record"),
    [("add_runs", NewRun), ("record_runs", RunUpdate), ("record_attempts", StoredAttempt)],
)
def test_a_record_has_a_field_for_every_value_that_is_written(name: str, record: type[tuple[object, ...]]) -> None:
    fields = record._fields  # type: ignore[attr-defined]
    assert sql.query(name).split("ON CONFLICT")[0].count("?") == len(fields)


@pytest.mark.parametrize(
    ("name", "record"), [("run", StoredRun), ("runs_from", StoredRun), ("attempts", StoredAttempt)]
)
def test_a_record_has_a_field_for_every_column_that_is_read(name: str, record: type[tuple[object, ...]]) -> None:
    columns = sql.query(name).split("FROM")[0].removeprefix("SELECT").split(",")
    assert len(columns) == len(record._fields)  # type: ignore[attr-defined]


def test_an_unknown_query_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        sql.query("nonsense")


def test_counts_follow_every_change_of_state(db: sqlite3.Connection) -> None:
    db.executemany(sql.query("add_runs"), [(id_, 1, "", None, None, None) for id_ in range(4)])
    db.execute(sql.query("count_in"), (4, 0))
    db.execute("UPDATE runs SET state = 5 WHERE id < 3")
    db.execute("UPDATE runs SET state = 1 WHERE id < 2")
    db.execute("UPDATE runs SET state = 1, message = 'again' WHERE id = 0")
    counts = {state: number for state, number in db.execute(sql.query("counts")) if number}
    assert counts == {0: 1, 1: 2, 5: 1} == dict(db.execute("SELECT state, count(*) FROM runs GROUP BY state"))


def test_requeue_and_settle_change_only_runs_for_which_they_are_meant(db: sqlite3.Connection) -> None:
    db.executemany(sql.query("add_runs"), [(id_, 1, "", None, None, None) for id_ in range(7)])
    db.executemany("UPDATE runs SET state = ? WHERE id = ?", [(state, state) for state in range(7)])
    db.executemany(sql.query("settle"), [(3, 15, "killed on request", id_) for id_ in range(7)])
    assert [state for (state,) in db.execute("SELECT state FROM runs ORDER BY id")] == [3, 1, 2, 3, 4, 3, 6]
    db.execute("UPDATE runs SET state = 5 WHERE id = 5")
    db.executemany(sql.query("requeue"), [("requeued", 0, id_) for id_ in range(7)])
    assert [state for (state,) in db.execute("SELECT state FROM runs ORDER BY id")] == [0, 0, 0, 0, 0, 5, 0]


def test_an_attempt_keeps_what_was_known_of_its_start_when_its_end_is_written(db: sqlite3.Connection) -> None:
    begun = StoredAttempt(1, 1, 0, 99.5, "node", 77, "0,1", "GPU-a")
    ended = StoredAttempt(1, 1, 0, cause_number=1, returncode=3, wall_s=2.0, tail="oh")
    for row in (begun, ended):
        db.execute(sql.query("record_attempts"), row)
    (stored,) = (StoredAttempt(*row) for row in db.execute(sql.query("attempts"), (1,)))
    assert stored == begun._replace(cause_number=1, returncode=3, wall_s=2.0, tail="oh")
