"""Input files as the runs find them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble import FileResource

from .conftest import RunStudy
from .support import names_in

TWO = ({"x": 0}, {"x": 1})


def test_a_plain_name_is_staged_once_and_linked_into_every_run(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("data")
    result = study("cat", "table", runs=TWO, input_files=["table"])
    assert [run.read_stdout() for run in result] == [b"data", b"data"]
    assert {os.readlink(Path(run.run_dir, "table")) for run in result} == {"../.shared/table"}


def test_a_study_can_be_moved_with_its_inputs(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("data")
    study("true", runs=TWO, input_files=["table", FileResource("table", rename="in/deep/table")], run_dir="x/{run_id}")
    (here / "out").rename(here / "moved")
    assert (here / "moved/x/1/table").read_text() == "data"
    assert (here / "moved/x/1/in/deep/table").read_text() == "data"


def test_a_shared_input_does_not_change_with_the_original(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("old")
    result = study("true", runs=TWO, input_files=[here / "table"])
    (here / "table").write_text("new")
    assert Path(result[1].run_dir, "table").read_text() == "old"


def test_a_copied_input_is_every_runs_own(study: RunStudy, here: Path) -> None:
    (here / "tool").write_text("#!/bin/sh\necho original\n")
    (here / "tool").chmod(0o755)
    result = study(
        "sh", "-c", "./tool; echo mine >> tool", runs=TWO, input_files=[FileResource("tool", linkage="copy")]
    )
    assert [run.read_stdout() for run in result] == [b"original\n", b"original\n"]
    assert (here / "tool").read_text().count("mine") == 0
    for run in result:
        own = Path(run.run_dir, "tool")
        assert not own.is_symlink()
        assert own.read_text().count("mine") == 1


def test_a_linked_input_is_the_original_itself(study: RunStudy, here: Path) -> None:
    (here / "log").write_text("")
    result = study("sh", "-c", "echo {x} >> log", runs=TWO, input_files=[FileResource("log", linkage="link")])
    assert sorted((here / "log").read_text().split()) == ["0", "1"]
    assert os.readlink(Path(result[0].run_dir, "log")) == str(here / "log")


@pytest.mark.parametrize("linkage", ["copy", "shared", "link"])
def test_an_input_may_be_renamed_into_a_folder(study: RunStudy, here: Path, linkage: str) -> None:
    (here / "table.h5").write_text("data")
    resource = FileResource("table.h5", linkage=linkage, rename="in/deep/table.h5")  # type: ignore[arg-type]
    assert study("cat", "in/deep/table.h5", input_files=[resource])[0].read_stdout() == b"data"


@pytest.mark.parametrize("linkage", ["copy", "shared", "link"])
def test_a_folder_comes_with_everything_in_it(study: RunStudy, here: Path, linkage: str) -> None:
    (here / "data/in").mkdir(parents=True)
    (here / "data/in/a").write_text("A")
    (here / "data/b").write_text("B")
    resource = FileResource("data", linkage=linkage)  # type: ignore[arg-type]
    assert study("cat", "data/in/a", "data/b", runs=TWO, input_files=[resource])[1].read_stdout() == b"AB"


@pytest.mark.parametrize("linkage", ["copy", "shared", "link"])
def test_a_pattern_stands_for_every_file_it_matches(study: RunStudy, here: Path, linkage: str) -> None:
    (here / "in").mkdir()
    for name in ("1.csv", "2.csv", "3.txt"):
        (here / "in" / name).write_text(name)
    resource = FileResource("in/*.csv", linkage=linkage)  # type: ignore[arg-type]
    result = study("ls", input_files=[resource])
    assert set(result[0].read_stdout().decode().split()) >= {"1.csv", "2.csv"}
    assert b"3.txt" not in result[0].read_stdout()


def test_a_file_whose_name_looks_like_a_pattern_is_taken_by_its_name(study: RunStudy, here: Path) -> None:
    (here / "data[1].csv").write_text("data")
    assert study("cat", "data[1].csv", input_files=["data[1].csv"])[0].read_stdout() == b"data"


def test_a_staged_program_is_started_from_the_run_directory(study: RunStudy, here: Path) -> None:
    (here / "model.sh").write_text('#!/bin/sh\nprintf \'%s %s\' "$0" "$1"\n')
    (here / "model.sh").chmod(0o755)
    result = study("./model.sh", "{x}", runs=TWO, input_files=["model.sh"])
    assert result[1].read_stdout() == b"./model.sh 1"


def test_a_program_with_a_path_is_found_from_the_callers_directory(study: RunStudy, here: Path) -> None:
    (here / "bin").mkdir()
    (here / "bin/model.sh").write_text("#!/bin/sh\npwd\n")
    (here / "bin/model.sh").chmod(0o755)
    result = study("bin/model.sh", runs=TWO)
    assert result[1].read_stdout().decode().strip() == result[1].run_dir


def test_the_inputs_stand_beside_the_parameters(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("")
    result = study("true", input_files=["table"])
    assert names_in(result[0].run_dir) == ["params.json", "stderr", "stdout", "table"]


def test_a_later_attempt_finds_the_inputs_where_they_were(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("data")
    script = "cat table; test $RUNSEMBLE_ATTEMPT = 2"
    result = study("sh", "-c", script, retries=1, input_files=[FileResource("table", linkage="copy")])
    assert (result[0].status, result[0].read_stdout()) == ("success", b"data")
