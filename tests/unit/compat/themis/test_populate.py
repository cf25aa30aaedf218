"""The directory of a run before it starts, as section 4 of the specification has it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from runsemble.compat.themis import CompositeRun, Step, Themis


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("deck.in").write_text("x = %%x%%\n")
    Path("data.bin").write_bytes(b"\0")
    Path("tree/sub").mkdir(parents=True)
    Path("tree/sub/file").write_text("original")
    Path("tree/link").symlink_to("sub/file")
    Path("job.sh").write_text("#!/bin/sh\n%%themis_launch%% app %%x%%\n")
    Path("job.sh").chmod(0o755)
    return str(tmp_path)


def populate(*steps: Step, parse: str = "", copy: str = "", symlink: str = "") -> Path:
    """Return the directory of a run after a dry run of it."""
    run = CompositeRun({"x": 5}, list(steps) or [Step("/bin/true", batch_script=False)])
    files = {"run_parse": parse.split(), "run_copy": copy.split(), "run_symlink": symlink.split()}
    Themis.create_overwrite(runs=[run], **files).dry_run()
    return Path("runs/1").absolute()


def test_everything_lies_flat_in_the_run_directory(here: str) -> None:
    run = populate(parse="deck.in tree/sub/file", copy="tree", symlink="data.bin")
    assert sorted(os.listdir(run)) == ["data.bin", "deck.in", "file", "tree"]
    assert os.readlink(run / "data.bin") == f"{here}/data.bin"
    assert (run / "tree/link").is_symlink()
    assert (run / "tree/link").read_text() == "original"


def test_a_batch_script_is_filled_in_and_stays_executable() -> None:
    run = populate(Step("job.sh", tasks=4))
    assert (run / "job.sh").read_text() == "#!/bin/sh\n app 5\n"
    assert stat.S_IMODE((run / "job.sh").stat().st_mode) == 0o755


def test_a_program_that_is_no_batch_script_stays_where_it_is() -> None:
    assert os.listdir(populate(Step("job.sh", batch_script=False))) == []


def test_a_batch_script_is_in_the_run_directory_while_its_step_is_elsewhere(here: str) -> None:
    run = populate(Step("job.sh", cwd="deep/er"), Step("job.sh", cwd=f"{here}/shared"))
    assert (run / "job.sh").exists()
    assert os.listdir(run / "deep/er") == os.listdir("shared") == []


def test_populating_again_replaces_what_was_there(here: str) -> None:
    arguments = {"parse": "deck.in", "copy": "tree data.bin", "symlink": "job.sh"}
    run = populate(**arguments)
    (run / "tree/sub/file").write_text("changed")
    (run / "tree/more").write_text("")
    (run / "deck.in").write_text("changed")
    (run / "own").write_text("stays")
    populate(**arguments)
    assert sorted(os.listdir(run)) == ["data.bin", "deck.in", "job.sh", "own", "tree"]
    assert (run / "tree/sub/file").read_text() == "original"
    assert not (run / "tree/more").exists()
    assert (run / "deck.in").read_text().startswith("x = 5")
    assert Path("tree/sub/file").read_text() == "original"


def test_a_directory_in_the_place_of_a_link_is_an_error(here: str) -> None:
    Path("runs/1/data.bin").mkdir(parents=True)
    with pytest.raises(OSError, match="File exists"):
        populate(symlink="data.bin")
    assert Path("runs/1/data.bin").is_dir()


def test_a_link_to_a_directory_is_replaced_and_the_directory_stays(here: str) -> None:
    Path("runs/1").mkdir(parents=True)
    Path("runs/1/tree").symlink_to(f"{here}/tree")
    run = populate(copy="tree")
    assert not (run / "tree").is_symlink()
    assert Path("tree/sub/file").read_text() == "original"
