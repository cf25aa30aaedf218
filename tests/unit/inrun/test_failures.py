"""What is kept of the exception that ended a call, and what becomes of a file that is none of ours."""

from __future__ import annotations

import os
import pickle
import traceback
from pathlib import Path

import pytest

from runsemble.errors import CallFailed, RemoteTraceback
from runsemble.inrun.failures import EXCEPTION_FILE, keep_exception, read_exception


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNSEMBLE_RESULTS", str(tmp_path / "results.json"))
    return tmp_path


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_exception_comes_back_with_its_traceback_as_the_cause(run_dir: Path) -> None:
    keep_exception(raised(KeyError("gone", 1)))
    error = read_exception(str(run_dir))
    assert isinstance(error, KeyError)
    assert error.args == ("gone", 1)
    assert isinstance(error.__cause__, RemoteTraceback)
    shown = "".join(traceback.format_exception(error))
    assert "in raised" in shown
    assert shown.rstrip().endswith("KeyError: ('gone', 1)")


def test_notes_and_causes_are_in_the_text(run_dir: Path) -> None:
    error = ValueError("outer")
    error.add_note("a note")
    error.__cause__ = raised(OSError("inner"))
    keep_exception(raised(error))
    text = str(read_exception(str(run_dir)).__cause__)  # type: ignore[union-attr]
    assert "OSError: inner" in text
    assert "a note" in text


class Mute(Exception):
    """Cannot say what it is, nor be pickled."""

    def __str__(self) -> str:
        raise RuntimeError

    def __reduce__(self) -> str:
        raise RuntimeError


def test_an_exception_that_fails_itself_is_described_by_its_type(run_dir: Path) -> None:
    keep_exception(raised(Mute()))
    error = read_exception(str(run_dir))
    assert isinstance(error, CallFailed)
    assert str(error) == error.kind
    assert error.kind.endswith("Mute")


def test_a_run_without_an_exception_has_none(run_dir: Path) -> None:
    assert read_exception(str(run_dir)) is None
    assert read_exception(str(run_dir / "nowhere")) is None


@pytest.mark.parametrize("content", [b"", b"nonsense", pickle.dumps(5), pickle.dumps({"type": "x"})])
def test_a_file_that_is_none_of_ours_is_no_exception(run_dir: Path, content: bytes) -> None:
    (run_dir / EXCEPTION_FILE).write_bytes(content)
    assert read_exception(str(run_dir)) is None


def test_a_link_is_not_followed(run_dir: Path) -> None:
    keep_exception(raised(KeyError()))
    os.rename(run_dir / EXCEPTION_FILE, run_dir / "elsewhere")
    os.symlink("elsewhere", run_dir / EXCEPTION_FILE)
    assert read_exception(str(run_dir)) is None


def test_a_directory_that_is_gone_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNSEMBLE_RESULTS", "/nowhere/results.json")
    keep_exception(raised(KeyError()))
    assert not os.path.exists("/nowhere")
