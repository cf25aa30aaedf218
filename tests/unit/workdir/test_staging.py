from pathlib import Path

import pytest

from runsemble.agent import protocol
from runsemble.errors import InputFileError
from runsemble.model.files import FileLinkage, FileResource
from runsemble.workdir.staging import (
    RESERVED,
    StagedFile,
    make_shared_copies,
    plan_staging,
    refuse_forgotten_inputs,
)

OUT = "/out"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A caller's directory with some files in it."""
    for name in ("model.py", "a.csv", "b.csv", "data/table.h5", "data/sub/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_an_input_is_a_link_to_one_shared_copy_by_default(here: Path) -> None:
    staged, copies = plan_staging(["model.py"], str(here), OUT)
    assert staged == [StagedFile("relative", "/out/.shared/model.py", "model.py", str(here / "model.py"))]
    assert copies == [(str(here / "model.py"), "/out/.shared/model.py")]


@pytest.mark.parametrize("linkage", ["copy", "link"])
def test_a_copy_or_a_link_needs_no_shared_copy(here: Path, linkage: FileLinkage) -> None:
    staged, copies = plan_staging([FileResource("model.py", linkage)], str(here), OUT)
    assert staged == [StagedFile(linkage, str(here / "model.py"), "model.py")]
    assert copies == []


def test_an_input_comes_under_its_new_name(here: Path) -> None:
    staged, copies = plan_staging([FileResource("data/table.h5", rename="in//t.h5")], str(here), OUT)
    assert staged == [StagedFile("relative", "/out/.shared/in/t.h5", "in/t.h5", str(here / "data/table.h5"))]
    assert copies == [(str(here / "data/table.h5"), "/out/.shared/in/t.h5")]


def test_an_absolute_path_is_taken_as_it_stands(here: Path) -> None:
    staged, _ = plan_staging([FileResource(here / "model.py", "link")], "/elsewhere", OUT)
    assert staged == [StagedFile("link", str(here / "model.py"), "model.py")]


def test_a_pattern_stands_for_every_file_it_matches(here: Path) -> None:
    staged, _ = plan_staging(["*.csv"], str(here), OUT)
    assert [item.name for item in staged] == ["a.csv", "b.csv"]


def test_a_recursive_pattern_reaches_below(here: Path) -> None:
    staged, _ = plan_staging(["data/**/*.csv"], str(here), OUT)
    assert [item.name for item in staged] == ["c.csv"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here: Path) -> None:
    (here / "[ab].csv").write_text("")
    staged, _ = plan_staging(["[ab].csv"], str(here), OUT)
    assert [item.name for item in staged] == ["[ab].csv"]


def test_a_directory_is_an_input_too(here: Path) -> None:
    staged, _ = plan_staging(["data/"], str(here), OUT)
    assert [item.name for item in staged] == ["data"]


@pytest.mark.parametrize("name", ["missing.csv", "data/missing", "no/such/directory/x"])
def test_a_missing_file_is_refused(here: Path, name: str) -> None:
    with pytest.raises(InputFileError, match="does not exist") as caught:
        plan_staging([name], str(here), OUT)
    assert name in str(caught.value)
    assert str(here) in str(caught.value)


def test_a_pattern_that_matches_nothing_is_refused(here: Path) -> None:
    with pytest.raises(InputFileError, match=r"no input file matches '\*\.txt'"):
        plan_staging(["*.txt"], str(here), OUT)


def test_a_link_that_leads_nowhere_is_refused(here: Path) -> None:
    (here / "dangling").symlink_to("nowhere")
    with pytest.raises(InputFileError, match="dangling cannot be read"):
        plan_staging(["dangling"], str(here), OUT)


def test_many_files_cannot_have_one_new_name(here: Path) -> None:
    with pytest.raises(InputFileError, match="matches 2 files, which cannot all be called x"):
        plan_staging([FileResource("*.csv", rename="x")], str(here), OUT)


@pytest.mark.parametrize(
    "second",
    [FileResource("a.csv"), FileResource("*.csv"), FileResource("b.csv", rename="a.csv"), FileResource("./a.csv")],
)
def test_two_inputs_with_one_name_are_refused(here: Path, second: FileResource) -> None:
    with pytest.raises(InputFileError, match=r"two input files would be 'a\.csv'"):
        plan_staging(["a.csv", second], str(here), OUT)


@pytest.mark.parametrize(("first", "second"), [("data", "data/x"), ("data/x", "data")])
def test_an_input_below_another_one_is_refused(here: Path, first: str, second: str) -> None:
    inputs = [FileResource("a.csv", rename=first), FileResource("b.csv", rename=second)]
    with pytest.raises(InputFileError, match="two input files would be"):
        plan_staging(inputs, str(here), OUT)


@pytest.mark.parametrize("name", ["params.json", "results.json", "stdout", "stderr", "output", ".attempts/x"])
def test_an_input_with_a_name_of_ours_is_refused(here: Path, name: str) -> None:
    with pytest.raises(InputFileError, match="where runsemble writes it"):
        plan_staging([FileResource("a.csv", rename=name)], str(here), OUT)


def test_every_file_that_an_attempt_leaves_is_reserved() -> None:
    assert set(protocol.OUR_FILES) <= RESERVED


def test_shared_copies_are_made(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("out")
    _, copies = plan_staging(["model.py", FileResource("data", rename="in/data")], str(here), str(out))
    make_shared_copies(copies)
    assert (out / ".shared/model.py").read_text() == "model.py"
    assert (out / ".shared/in/data/sub/c.csv").read_text() == "data/sub/c.csv"


def test_a_copy_that_cannot_be_made_names_both_ends(here: Path) -> None:
    (here / "file").write_text("")
    target = str(here / "file/below")
    with pytest.raises(InputFileError, match=r"model\.py cannot be copied to .*file/below"):
        make_shared_copies([(str(here / "model.py"), target)])


@pytest.mark.parametrize("argument", ["model.py", "./model.py", "data/table.h5", "data/../a.csv"])
def test_an_argument_that_the_run_would_not_find_is_refused(here: Path, argument: str) -> None:
    with pytest.raises(InputFileError, match="runs start in their own directories") as caught:
        refuse_forgotten_inputs(["python", argument], str(here), [])
    assert f"--input {argument}" in str(caught.value)


@pytest.mark.parametrize("argument", ["model.py", "./model.py", "data/table.h5", "data/sub/c.csv"])
def test_an_argument_that_is_staged_is_fine(here: Path, argument: str) -> None:
    staged, _ = plan_staging(["model.py", "data"], str(here), OUT)
    refuse_forgotten_inputs(["python", argument], str(here), [item.name for item in staged])
    assert any(argument.removeprefix("./").startswith(item.name) for item in staged)


def passes(argument: str, here: Path) -> bool:
    refuse_forgotten_inputs(["python", argument], str(here), [])
    return True


@pytest.mark.parametrize("argument", ["", "-c", "--beta", "0.1", "data", "missing.py", "a\0b", "x" * 5000])
def test_an_argument_that_names_no_file_here_is_fine(here: Path, argument: str) -> None:
    assert passes(argument, here)


def test_an_absolute_path_is_fine(here: Path) -> None:
    assert passes(str(here / "model.py"), here)


def test_a_file_that_every_run_directory_holds_is_fine(here: Path) -> None:
    (here / "params.json").write_text("{}")
    assert passes("params.json", here)
