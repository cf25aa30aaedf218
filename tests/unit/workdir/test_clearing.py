from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble.workdir.clearing import clear_directory


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run directory with all sorts of things in it, links to a directory beside the study among them."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside/precious").touch()
    run = tmp_path / "study/1000/1001"
    (run / "deep/er").mkdir(parents=True)
    for name in ("params.json", "stdout", "deep/er/file", "-rf *"):
        (run / name).touch()
    (run / "results.json").write_text("[1]")
    for link in ("link", "deep/link"):
        (run / link).symlink_to(tmp_path / "beside")
    os.mkfifo(run / "pipe")
    return run


def clear(run: Path, *but: str, rescue: Path | None = None) -> None:
    clear_directory(str(run), but, str(run.parents[1]), None if rescue is None else str(rescue))


def test_a_directory_goes_with_those_above_it_that_are_empty(run: Path) -> None:
    (run.parent / "1002").mkdir()
    clear(run)
    assert [path.name for path in run.parent.iterdir()] == ["1002"]
    clear(run.parent / "1002")
    assert list(run.parents[1].iterdir()) == []
    assert (run.parents[2] / "beside/precious").exists()


def test_what_is_to_stay_stays_and_the_directory_with_it(run: Path) -> None:
    clear(run, "params.json", "results.json")
    assert sorted(os.listdir(run)) == ["params.json", "results.json"]


def test_a_result_is_moved_out_first_and_replaces_an_earlier_one(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "study/.runsemble/posts/1001.json"
    place.parent.mkdir(parents=True)
    place.write_text("[0]")
    clear(run, rescue=place)
    assert place.read_text() == "[1]"
    assert not run.exists()
    run.mkdir(parents=True)
    clear(run, rescue=place)  # a driver died between moving and removing
    assert place.read_text() == "[1]"


def test_a_directory_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    clear_directory(str(tmp_path / "a/b"), (), str(tmp_path))


def test_a_link_in_the_place_of_a_run_directory_is_not_followed(run: Path) -> None:
    link = run.parent / "1003"
    link.symlink_to(run)
    with pytest.raises(OSError, match="1003"):
        clear(link)
    assert (run / "stdout").exists()
