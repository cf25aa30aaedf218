"""Ensembles as tables for other programs: every format, every odd value, and files that appear whole."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.export import Exported
from runsemble.errors import RunsembleError, UsageError

from .ensembles import made, shell
from .support import names_in

FACTS = ["status", "cause", "returncode", "attempts", "wall_s", "user_s", "system_s", "max_rss_bytes", "run_dir"]


async def exported(ensemble: Ensemble, format_: str, *statuses: Any, **more: Any) -> bytes:
    stream = io.BytesIO()
    await ensemble.export(stream, format_, statuses, **more)
    return stream.getvalue()


@pytest.fixture
async def ended(here: Path) -> Ensemble:
    """Return an ensemble in which one run failed, one posted nothing, and one posted what another did not."""
    script = "case {x} in 0) runsemble post y=0.5;; 1) runsemble post y=1 z=[1,2] x=7;; 2) exit 3;; esac"
    ensemble = await made(*shell(script), runs=4)
    await ensemble.dequeue_runs([3])
    await ensemble.execute()
    return ensemble


async def test_a_table_has_parameters_results_and_facts_of_all_runs(ended: Ensemble) -> None:
    rows = list(csv.DictReader(io.StringIO((await exported(ended, "csv")).decode())))
    assert list(rows[0]) == ["run", "x", "y", "z", "result_x", *FACTS]
    assert [row["x"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["y"] for row in rows] == ["0.5", "1", "", ""]
    assert rows[1]["z"] == "[1, 2]"
    assert rows[1]["result_x"] == "7"
    assert [(row["status"], row["cause"], row["returncode"]) for row in rows] == [
        ("success", "ok", "0"), ("success", "ok", "0"), ("failure", "exit", "3"), ("killed", "killed", ""),
    ]  # fmt: skip
    assert float(rows[0]["wall_s"]) > 0
    assert rows[3]["wall_s"] == ""


async def test_json_and_yaml_hold_the_same_rows(ended: Ensemble) -> None:
    yaml = pytest.importorskip("yaml")
    rows = json.loads(await exported(ended, "json"))
    assert yaml.safe_load(await exported(ended, "yaml")) == rows
    assert rows[1]["z"] == [1, 2]
    assert [row["run"] for row in rows] == [0, 1, 2, 3]
    assert list(rows[2]) == ["run", "x", *FACTS]


async def test_parquet_has_typed_columns(ended: Ensemble) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    await ended.export("t.parquet", "parquet")
    table = parquet.read_table("t.parquet").to_pydict()
    assert table["run"] == [0, 1, 2, 3]
    assert table["y"] == [0.5, 1.0, None, None]
    assert table["z"] == [None, "[1, 2]", None, None]


async def test_a_data_frame_is_that_of_multirun(ended: Ensemble) -> None:
    frame = await ended.to_dataframe()
    assert list(frame.index) == [0, 1, 2, 3]
    assert frame.index.name == "run"
    assert {"x", "y", "z", "result_x", *FACTS} == set(frame.columns)
    assert list((await ended.to_dataframe("failure"))["returncode"]) == [3]


async def test_only_chosen_statuses_are_written(ended: Ensemble) -> None:
    rows = json.loads(await exported(ended, "json", "failure", "killed"))
    assert [row["run"] for row in rows] == [2, 3]
    assert await exported(ended, "json", "running") == b"[]\n"
    assert await exported(ended, "yaml", "running") == b"[]\n"
    assert (await exported(ended, "csv", "running")).decode() == ",".join(["run", *FACTS]) + "\n"
    with pytest.raises(UsageError, match="there is no status 'good'"):
        await exported(ended, "csv", "good")


async def test_values_that_formats_do_not_have_are_written_as_the_nearest_thing(here: Path) -> None:
    params = {"nan": float("nan"), "pair": (1, "a,b"), "text": 'q"\n', "none": None, "big": 2**70, "status": "mine"}
    ensemble = await Ensemble.create("sweep", runs=[params], cmd=["true"])
    await ensemble.set_result(0, {"complex": 1j, "set": {2, 1}, "inf": [float("inf")]})
    (row,) = csv.DictReader(io.StringIO((await exported(ensemble, "csv")).decode()))
    assert (row["nan"], row["pair"], row["text"], row["none"]) == ("nan", '[1, "a,b"]', 'q"\n', "")
    assert (row["big"], row["param_status"], row["status"]) == (str(2**70), "mine", "pending")
    (plain,) = json.loads(await exported(ensemble, "json"))
    assert (plain["nan"], plain["pair"], plain["complex"], plain["set"], plain["inf"]) == (
        None, [1, "a,b"], "1j", [1, 2], [None],
    )  # fmt: skip


class Opaque:
    """Something that only a pickle can hold."""

    def __str__(self) -> str:
        return "opaque"


async def test_pickles_are_loaded_only_if_that_is_wanted(here: Path) -> None:
    ensemble = await made("true", runs=2)
    await ensemble.set_result(1, Exception("kept"))
    stream = io.StringIO()
    assert await ensemble.export(stream, "json") == Exported(runs=2, unread=1)
    assert "result" not in json.loads(stream.getvalue())[1]
    assert json.loads(await exported(ensemble, "json", allow_pickle=True))[1]["result"] == "kept"


async def test_a_file_is_replaced_when_the_new_one_is_whole_and_not_before(
    ended: Ensemble, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "t.csv").write_text("old")
    before = names_in(here)
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        await ended.export("t.csv", "csv")
    assert (here / "t.csv").read_text() == "old"
    assert names_in(here) == before
    monkeypatch.undo()
    assert (await ended.export(here / "t.csv", "csv")).runs == 4
    assert (here / "t.csv").read_text().startswith("run,x,")
    assert names_in(here) == before


async def test_what_cannot_be_is_refused_in_a_sentence(ended: Ensemble, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no format 'xls'; there are csv, json, yaml, parquet"):
        await ended.export("t", "xls")
    with pytest.raises(UsageError, match="nowhere/t cannot be written: No such file or directory"):
        await ended.export("nowhere/t", "csv")
    for module, format_ in (("yaml", "yaml"), ("pyarrow", "parquet")):
        monkeypatch.setitem(__import__("sys").modules, module, None)
        with pytest.raises(RunsembleError, match=rf"pip install 'runsemble\[{format_}\]'"):
            await ended.export("t", format_)
    assert not Path("t").exists()  # noqa: ASYNC240
