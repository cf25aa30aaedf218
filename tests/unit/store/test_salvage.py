"""Files that are damaged, and what can be read of them page by page."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runsemble.store.connection import make_tables
from runsemble.store.salvage import NAMED, NUMBERED, Salvage, is_whole
from runsemble.store.sound import sound_run

COUNT = 5000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with five thousand runs."""
    path = tmp_path / "runsemble.db"
    make_tables(str(path))
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO recipes VALUES (1, '{}')")
        db.executemany("INSERT INTO settings VALUES (?, ?)", [(f"s{n:04}", "0") for n in range(2000)])
        db.executemany(
            "INSERT INTO runs (id, recipe, params) VALUES (?, 1, ?)", [(n, f'{{"x":{n}}}') for n in range(COUNT)]
        )
        db.commit()
    (tmp_path / "scratch").mkdir()
    return path


def read(file: Path) -> list[int]:
    with closing(Salvage(str(file), str(file.parent / "scratch"))) as salvage:
        return [row[0] for rows in salvage.numbered("runs", 0, COUNT + 10) for row in rows]


def spoil(file: Path, *pages: int) -> None:
    with file.open("r+b") as stream:
        for page in pages:
            stream.seek((page - 1) * 4096)
            stream.write(os.urandom(4096))


def page_with(file: Path, text: bytes) -> int:
    return file.read_bytes().index(text) // 4096 + 1


def test_the_columns_are_those_of_the_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        for table, (_, columns) in {**NUMBERED, **NAMED}.items():
            assert [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")] == columns.split(", ")


def test_a_sound_file_is_read_whole_and_left_as_it_is(file: Path) -> None:
    before = file.read_bytes()
    assert is_whole(str(file))
    assert read(file) == list(range(COUNT))
    assert file.read_bytes() == before


def test_each_lost_page_costs_the_rows_on_it(file: Path) -> None:
    spoil(file, page_with(file, b'{"x":1000}'), page_with(file, b'{"x":4000}'))
    assert not is_whole(str(file))
    found = read(file)
    assert found == sorted(set(found))
    assert COUNT - 500 < len(found) < COUNT
    assert {0, 2000, 4999} <= set(found)
    assert not {1000, 4000} & set(found)


def test_the_first_page_of_an_empty_study_stands_in_for_one_that_is_lost(file: Path) -> None:
    spoil(file, 1)
    assert read(file) == list(range(COUNT))


def test_a_table_that_cannot_be_entered_is_read_from_its_leaves(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
    spoil(file, root)
    assert read(file) == []
    with closing(Salvage(str(file), str(file.parent / "scratch"))) as salvage:
        rows = [row for rows in salvage.leaves("runs") for row in rows if sound_run(row, {1})]
    assert sorted(row[0] for row in rows) == list(range(COUNT))


def test_rows_with_names_are_read_from_either_end_of_the_damage(file: Path) -> None:
    spoil(file, page_with(file, b"s1000"))
    with closing(Salvage(str(file), str(file.parent / "scratch"))) as salvage:
        names = {name for name, _ in salvage.named("settings")}
    assert {"s0000", "s1999"} <= names
    assert "s1000" not in names


def test_a_file_of_nothing_but_noise_yields_nothing(file: Path) -> None:
    file.write_bytes(os.urandom(50_000))
    assert read(file) == []


def test_a_row_that_damage_has_made_up_is_told_from_one_that_can_be_right() -> None:
    good = (1, 1, '{"x":1}', None, None, b"i", 2, 1, 1, 0, 3, None, 0)
    assert sound_run(good, {1}) == (good, True)
    assert sound_run((1, 2, *good[2:]), {1}) is None
    assert sound_run((1, 1, '{"x":', *good[3:]), {1}) is None
    assert sound_run((1, 1, "[1]", *good[3:]), {1}) is None
    unknown = sound_run((*good[:6], 77, *good[7:]), {1})
    assert unknown == ((1, 1, '{"x":1}', None, None, b"i", 0, None, 1, 0, None, None, 1), False)
