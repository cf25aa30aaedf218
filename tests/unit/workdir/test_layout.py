import re

import pytest

from runsemble.errors import DirectoryError
from runsemble.workdir.layout import RunDirectories, default_name, default_output_path, run_of_default_name


def test_the_default_output_directory_is_named_after_the_time() -> None:
    assert re.fullmatch(r"multirun-\d{8}-\d{6}", default_output_path(1e9))


@pytest.mark.parametrize(
    ("name", "path"), [("7", "/out/7"), ("a/b", "/out/a/b"), ("./a//b/", "/out/a/b"), ("a/../b", "/out/b")]
)
def test_a_run_directory_lies_in_the_output_directory(name: str, path: str) -> None:
    assert RunDirectories("/out").claim(name, 0, is_unique=False) == path


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/../..", "a/../../out/b", "/", "/out/a", "//a", "./"])
def test_a_directory_outside_is_refused(name: str) -> None:
    with pytest.raises(DirectoryError, match=r"runs\[3\]: .*no directory inside /out"):
        RunDirectories("/out").claim(name, 3, is_unique=True)


@pytest.mark.parametrize("name", [".shared", ".shared/a", "./.shared"])
def test_the_directory_of_shared_files_is_no_run_directory(name: str) -> None:
    with pytest.raises(DirectoryError, match="no directory inside"):
        RunDirectories("/out").claim(name, 0, is_unique=True)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("a" * 256, "too long"), ("b/" + "é" * 128, "too long"), ("a\0b", "holds a zero byte")],
)
def test_a_name_that_no_directory_can_have_is_refused(name: str, problem: str) -> None:
    with pytest.raises(DirectoryError, match=problem):
        RunDirectories("/out").claim(name, 0, is_unique=True)


def test_a_name_that_no_bytes_stand_for_is_refused() -> None:
    with pytest.raises(DirectoryError):
        RunDirectories("/out").claim("\ud800", 0, is_unique=True)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a", "a/"), ("a", "./a"), ("a", "a/b"), ("a/b", "a")])
def test_two_runs_never_share_a_directory(first: str, second: str) -> None:
    directories = RunDirectories("/out")
    directories.claim(first, 0, is_unique=False)
    with pytest.raises(DirectoryError, match=r"runs\[1\]: .*another run's directory"):
        directories.claim(second, 1, is_unique=False)


def test_the_refusal_says_what_to_add() -> None:
    directories = RunDirectories("/out")
    directories.claim("a", 0, is_unique=False)
    with pytest.raises(DirectoryError, match=re.escape("add {run_id} to run_dir")):
        directories.claim("a", 1, is_unique=False)


@pytest.mark.parametrize("name", ["ab", "b", "b/a", "a-"])
def test_neighbours_are_no_trouble(name: str) -> None:
    directories = RunDirectories("/out")
    directories.claim("a", 0, is_unique=False)
    assert directories.claim(name, 1, is_unique=False) == f"/out/{name}"


def test_runs_may_lie_side_by_side_below_one_directory() -> None:
    directories = RunDirectories("/out")
    directories.claim("a/b", 0, is_unique=False)
    assert directories.claim("a/c", 1, is_unique=False) == "/out/a/c"


def test_a_refused_name_is_not_taken() -> None:
    directories = RunDirectories("/out")
    directories.claim("a", 0, is_unique=False)
    with pytest.raises(DirectoryError):
        directories.claim("a/b", 1, is_unique=False)
    assert directories.claim("b", 1, is_unique=False) == "/out/b"


def test_directories_anywhere_may_lie_in_each_other_but_are_each_one_run_s() -> None:
    directories = RunDirectories("/data/out")
    assert directories.claim_anywhere("/runs/1", 1) == "/runs/1"
    assert directories.claim_anywhere("/runs/1/inner", 2) == "/runs/1/inner"
    assert directories.claim_anywhere("../runs/3/", 3) == "/data/runs/3"
    with pytest.raises(DirectoryError, match=r"runs\[4\]: .* another run's directory"):
        directories.claim_anywhere("/runs/./1", 4)
    with pytest.raises(DirectoryError, match="a name that"):
        directories.claim_anywhere("/runs/\0", 5)


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10000/10000"),
        (10_999, "10000/10999"),
        (11_000, "11000/11000"),
        (1_234_567, "1234000/1234567"),
    ],
)
def test_run_directories_that_nobody_named_lie_in_directories_of_a_thousand_once_there_are_many(
    run: int, name: str
) -> None:
    assert default_name(run) == name
    assert run_of_default_name(name) == run


@pytest.mark.parametrize(
    "name", ["10000", "12000/7", "12000/13000", "007", "7/7", "a", "", "12000/", "/7", "٣", "x/12000/12345"]
)
def test_other_names_are_of_no_run(name: str) -> None:
    assert run_of_default_name(name) is None
