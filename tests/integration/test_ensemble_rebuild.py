"""Records that are damaged or lost, and what can be had of them again."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runsemble import multirun
from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import LeaseError, StoreError
from runsemble.model.step import Step

from .ensembles import driven, made, shell, until
from .support import Gate, names_in

PAGE = 4096
SCRIPT = shell("runsemble post y={x}; [ {x} != 2 ]")


@pytest.fixture
async def ended(here: Path) -> Ensemble:
    """Return an ensemble of two thousand runs, of which four have ended, one of them badly, and none other started."""
    ensemble = await made(*SCRIPT, runs=2000, retries=1)
    await ensemble.execute(only=[0, 1, 2, 1999])
    with closing(sqlite3.connect("sweep/runsemble.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ensemble


def root_of(table: str) -> int:
    """Return the page at which a table begins."""
    with closing(sqlite3.connect("sweep/runsemble.db")) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return int(page)


def content() -> bytes:
    return Path("sweep/runsemble.db").read_bytes()


def near(path: str) -> str:
    return os.path.relpath(path)


def spoil(*pages: int) -> None:
    """Write noise over pages of the record."""
    with open("sweep/runsemble.db", "r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(os.urandom(PAGE))


def leaf_of_runs(x: int) -> int:
    """Return the page that holds the run with this parameter."""
    return content().index(b'{"x":%d}' % x) // PAGE + 1


def verdict() -> str:
    with closing(sqlite3.connect("sweep/runsemble.db")) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])


def damaged_files() -> list[str]:
    return [name for name in names_in("sweep") if ".damaged-" in name]


async def facts_of(ensemble: Ensemble, run: int) -> tuple[object, ...]:
    one = await ensemble.run(run)
    return one.params, one.status, one.cause, one.attempts, one.returncode, one.result


async def test_a_record_with_which_nothing_is_wrong_is_left_alone(ended: Ensemble) -> None:
    before = content()
    assert (await Ensemble.rebuild("sweep")).is_whole
    assert content() == before
    assert damaged_files() == []


@pytest.mark.parametrize(
    "spoil_it",
    [
        lambda: spoil(1),
        lambda: spoil(root_of("settings"), root_of("recipes")),
        lambda: spoil(root_of("lease")),
        lambda: spoil(root_of("counts")),
        lambda: spoil(root_of("runs_by_state")),
        lambda: spoil(root_of("runs")),
    ],
    ids=["first page", "recipes", "lease", "counts", "index", "way to the runs"],
)
async def test_what_is_not_in_the_runs_themselves_is_restored_whole(
    ended: Ensemble, spoil_it: Callable[[], None]
) -> None:
    before = [await facts_of(ended, run) for run in (0, 2, 3, 1999)]
    counts = await ended.counts()
    spoil_it()
    found = await Ensemble.rebuild("sweep")
    assert (found.runs, found.results, found.attempts, found.unknown, found.lost) == (2000, 4, 5, 0, 0)
    assert verdict() == "ok"
    assert [await facts_of(ended, run) for run in (0, 2, 3, 1999)] == before
    assert await ended.counts() == counts
    assert [f"sweep/{name}" for name in damaged_files()] == [near(found.damaged or "")]


async def test_a_page_of_runs_that_is_lost_costs_those_runs_only(ended: Ensemble) -> None:
    spoil(leaf_of_runs(1000))
    found = await Ensemble.rebuild("sweep")
    assert 1800 < found.runs < 2000
    assert found.runs + found.lost == 2000
    assert verdict() == "ok"
    assert sum((await ended.counts()).values()) == found.runs
    assert (await ended.run(2)).returncode == 1
    assert await ended.add_runs([{"x": 5}]) == range(2000, 2001)


async def test_without_the_table_of_runs_those_with_directories_are_found_and_pending_again(ended: Ensemble) -> None:
    spoil(
        root_of("runs"),
        *(at // PAGE + 1 for at in range(0, len(content()), PAGE) if b'{"x":' in content()[at : at + PAGE]),
    )
    found = await Ensemble.rebuild("sweep")
    assert (found.runs, found.from_directories, found.unknown, found.results) == (4, 4, 4, 4)
    assert found.lost == 1996
    assert await facts_of(ended, 2) == ({"x": 2}, "pending", None, 2, None, {"y": 2})
    assert (await ended.why(2)).sentence == (
        "run 2 waits: its state was lost with the record of the study; nobody drives the study"
    )
    await ended.execute()
    assert (await ended.run(2)).attempts == 4
    assert await ended.count_by_status("success") == 3


async def test_a_lost_record_is_made_from_the_copy_of_the_recipe_and_the_directories(ended: Ensemble) -> None:
    os.unlink("sweep/runsemble.db")
    found = await Ensemble.rebuild("sweep")
    assert (found.runs, found.unknown, found.results, found.damaged, found.may_lack) == (4, 4, 4, None, True)
    await ended.execute()
    assert await ended.counts() | {"success": 3, "failure": 1} == await ended.counts()
    assert names_in("sweep/2/.attempts/2") == ["results.json", "stderr", "stdout"]


async def test_a_log_that_outlived_its_record_is_not_taken_for_that_of_the_new_one(here: Path) -> None:
    ensemble = await made(*SCRIPT, runs=2)
    with closing(sqlite3.connect("sweep/runsemble.db")) as db:
        db.execute("UPDATE runs SET attempt = 7")
        db.commit()
        shutil.copy("sweep/runsemble.db-wal", "wal")
    os.unlink("sweep/runsemble.db")
    shutil.copy("wal", "sweep/runsemble.db-wal")
    await Ensemble.rebuild("sweep")
    assert await ensemble.counts() == dict.fromkeys(await ensemble.counts(), 0)
    assert "runsemble.db-wal" not in names_in("sweep")


async def test_names_of_directories_tell_ids_where_they_hold_them(here: Path) -> None:
    ensemble = await made(*SCRIPT, runs=3, run_dir="x={x}/n{run_id:03d}")
    await ensemble.execute()
    os.unlink("sweep/runsemble.db")
    assert (await Ensemble.rebuild("sweep")).runs == 3
    assert [(run.id, run.params, near(run.run_dir)) async for run in ensemble.runs()] == [
        (x, {"x": x}, f"sweep/x={x}/n{x:03d}") for x in range(3)
    ]


async def test_runs_in_directories_without_ids_get_new_ones(here: Path) -> None:
    ensemble = await made(*SCRIPT, runs=3, run_dir="x={x}")
    await ensemble.execute()
    os.unlink("sweep/runsemble.db")
    await Ensemble.rebuild("sweep")
    assert {run.run_dir[-3:]: run.result async for run in ensemble.runs()} == {f"x={x}": {"y": x} for x in range(3)}


async def test_a_run_whose_own_command_is_lost_is_not_run_with_another_one(here: Path) -> None:
    specs = [RunSpec({"x": x}, [Step(shell("echo {x} >> ../log"))]) for x in range(400)]
    ensemble = await Ensemble.create("sweep", runs=specs)
    await ensemble.execute(only=[200])
    with closing(sqlite3.connect("sweep/runsemble.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(leaf_of_runs(200))
    found = await Ensemble.rebuild("sweep")
    assert (found.from_directories, found.without_command, found.unknown) == (1, 1, 0)
    run = await ensemble.run(200)
    assert run.status == "aborted"
    assert "own command was lost" in run.message


async def test_a_study_of_multirun_can_be_rebuilt_too(here: Path) -> None:
    await multirun(runs=[{"x": 1}], cmd=["runsemble", "post", "y=5"], output_path="sweep", progress=False)
    os.unlink("sweep/runsemble.db")
    assert (await Ensemble.rebuild("sweep")).results == 1


async def test_it_is_refused_while_somebody_drives_the_study(gate: Gate) -> None:
    ensemble = await made(*shell(gate.words), runs=1)
    async with driven(ensemble):
        with pytest.raises(LeaseError, match=r"is in use by process \d+: stop it first"):
            await Ensemble.rebuild("sweep")
        await until("it runs", lambda: ensemble.count_by_status("running"))
        gate.open()
    assert damaged_files() == []


async def test_where_nobody_knows_what_to_run_that_is_said(ended: Ensemble) -> None:
    os.unlink("sweep/runsemble.db")
    os.unlink("sweep/.runsemble/recipe.json")
    with pytest.raises(StoreError, match=r"nobody knows what runs in .* do: neither the record nor"):
        await Ensemble.rebuild("sweep")
    with pytest.raises(StoreError, match="it is no directory"):
        await Ensemble.rebuild("nowhere")
    assert damaged_files() == []


async def test_a_rebuild_that_was_broken_off_can_be_done_again(ended: Ensemble) -> None:
    spoil(1)
    os.rename("sweep/runsemble.db", "sweep/runsemble.db.damaged-20260101-000000")  # it came so far
    found = await Ensemble.rebuild("sweep")
    assert (found.runs, found.unknown) == (2000, 0)
    assert await ended.count_by_status("success") == 3
