import os
from pathlib import Path
from typing import Any

import pytest

from runsemble import codec
from runsemble.errors import ResultError
from runsemble.workdir.results import decode_result, read_result


class Fickle:
    """Pickles as a call that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _raise, (self.error,)


def _raise(error: Exception) -> None:
    raise error


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def test_a_result_is_read_with_its_types(results: Path) -> None:
    results.write_text(codec.encode({"loss": (0.5, None)}))
    assert read_result(str(results), allow_pickle=False) == {"loss": (0.5, None)}


@pytest.mark.parametrize("content", ["", '{"loss": 0.', "nonsense"])
def test_a_result_written_in_part_is_told_as_such(results: Path, content: str) -> None:
    results.write_text(content)
    with pytest.raises(ResultError, match="not valid JSON") as caught:
        read_result(str(results), allow_pickle=False)
    assert caught.value.path == str(results)


def test_a_missing_result_is_an_error_that_names_the_file(results: Path) -> None:
    with pytest.raises(ResultError, match=r"results\.json cannot be read: No such file"):
        read_result(str(results), allow_pickle=False)


def test_a_symbolic_link_is_not_followed(results: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1")
    results.symlink_to(tmp_path / "secret")
    with pytest.raises(ResultError, match="cannot be read"):
        read_result(str(results), allow_pickle=True)


def test_a_fifo_is_not_waited_for(results: Path) -> None:
    os.mkfifo(results)
    with pytest.raises(ResultError, match="not a regular file of yours"):
        read_result(str(results), allow_pickle=True)


def test_a_directory_is_no_result(results: Path) -> None:
    results.mkdir()
    with pytest.raises(ResultError, match="not a regular file of yours"):
        read_result(str(results), allow_pickle=True)


def test_a_file_of_somebody_else_is_not_read(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results.write_text("1")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ResultError, match="not a regular file of yours"):
        read_result(str(results), allow_pickle=True)


def test_a_pickle_is_read_only_where_that_is_allowed(results: Path) -> None:
    results.write_text(codec.encode(range(3), allow_pickle=True))
    assert read_result(str(results), allow_pickle=True) == range(3)
    with pytest.raises(ResultError, match="loading pickles is not allowed"):
        read_result(str(results), allow_pickle=False)


@pytest.mark.parametrize(
    "error", [ImportError("no module"), AttributeError("no class"), KeyError("x"), TypeError("x"), ValueError("x")]
)
def test_a_pickle_that_cannot_be_loaded_is_told_as_such(error: Exception) -> None:
    text = codec.encode(Fickle(error), allow_pickle=True)
    with pytest.raises(ResultError, match="holds a pickle that cannot be loaded here"):
        decode_result(text, "results.json", allow_pickle=True)


def test_text_nested_without_end_is_not_taken_for_a_pickle() -> None:
    with pytest.raises(ResultError, match="not valid JSON"):
        decode_result("[" * 100_000, "results.json", allow_pickle=False)
