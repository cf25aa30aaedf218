"""Studies whose numbered run directories lie in directories of a thousand."""

from __future__ import annotations

from pathlib import Path

from runsemble import multirun
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.following import Piece
from runsemble.model.files import FileResource

from .ensembles import made, shell

SCRIPT = shell("cat table; runsemble post y={x}; [ {x} != 2 ] || [ $RUNSEMBLE_ATTEMPT = 2 ]")
NAMES = {9_999: "9999", 10_000: "10000/10000", 10_001: "10000/10001"}


async def many(here: Path) -> Ensemble:
    """Return an ensemble whose three runs are its 10,000th and those after it, executed."""
    (here / "table").write_text("numbers\n")
    ensemble = await made(*SCRIPT, first_id=9_999, retries=1, input_files=[FileResource("table")])
    await ensemble.execute()
    return ensemble


async def test_runs_beyond_ten_thousand_are_sharded_and_everything_finds_them(here: Path) -> None:
    ensemble = await many(here)
    found = {id_: directory async for id_, directory in ensemble.run_dirs()}
    assert found == {id_: str(here / "sweep" / name) for id_, name in NAMES.items()}
    assert [run.result async for run in ensemble.runs("success")] == [{"y": 0}, {"y": 1}, {"y": 2}]
    assert await ensemble.output(10_000, "stdout") == [Piece(1, "stdout", b"numbers\n")]
    assert await ensemble.output(10_001, "stdout", attempt=1) == [Piece(1, "stdout", b"numbers\n")]
    assert (await ensemble.command_of(10_001)).directory == found[10_001]
    await ensemble.requeue_runs([10_000])
    (added,) = await ensemble.add_runs([{"x": 7}])
    await ensemble.execute()
    assert (await ensemble.run(added)).run_dir == str(here / "sweep/10000/10002")
    assert (here / "sweep/10000/10000/.attempts/1/stdout").read_text() == "numbers\n"


async def test_a_lost_record_is_made_anew_from_sharded_directories(here: Path) -> None:
    await many(here)
    for name in ("runsemble.db", "runsemble.db-wal", "runsemble.db-shm"):
        (here / "sweep" / name).unlink(missing_ok=True)
    rebuilt = await Ensemble.rebuild("sweep")
    assert (rebuilt.runs, rebuilt.results) == (3, 3)
    runs = {run.id: (run.params, run.result, run.run_dir) async for run in Ensemble("sweep").runs()}
    assert runs == {
        id_: ({"x": x}, {"y": x}, str(here / "sweep" / name)) for x, (id_, name) in enumerate(NAMES.items())
    }


async def test_a_resumed_study_goes_on_in_shards_and_leaves_names_that_were_given(here: Path) -> None:
    await made("true", runs=1, first_id=9_999, run_dir="{run_id}")
    options = {"cmd": ["true"], "output_path": "sweep", "progress": False, "resume": True}
    result = await multirun(runs=[{"x": 0}, {"x": 1}], **options)  # type: ignore[arg-type]
    assert [run.run_dir for run in result] == [str(here / "sweep/9999"), str(here / "sweep/10000/10000")]
    result = await multirun(runs=[{"x": 2}], run_dir="{run_id}", **options)  # type: ignore[arg-type]
    assert result[0].run_dir == str(here / "sweep/10001")
    again = await multirun(runs=[{"x": 1}, {"x": 2}], **options)  # type: ignore[arg-type]
    assert [run.run_dir for run in again] == [str(here / "sweep/10000/10000"), str(here / "sweep/10001")]
