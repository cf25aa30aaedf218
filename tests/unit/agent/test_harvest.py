import os
from pathlib import Path

import pytest

from runsemble.agent.frames import to_bytes
from runsemble.agent.harvest import new_lines, result_in, tail_of
from runsemble.agent.protocol import INLINE_RESULT_BYTES


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def lines_from(path: Path, offset: int) -> tuple[str, int]:
    return new_lines(os.fsencode(path), offset)


def test_a_run_that_left_no_result_has_none(results: Path) -> None:
    assert result_in(os.fsencode(results.parent)) is None


@pytest.mark.parametrize("size", [0, 1, INLINE_RESULT_BYTES])
def test_a_small_result_travels_as_text(results: Path, size: int) -> None:
    results.write_text("1" * size)
    assert result_in(os.fsencode(results.parent)) == ["text", "1" * size]


def test_a_large_result_stays_where_it_is(results: Path) -> None:
    results.write_text("1" * (INLINE_RESULT_BYTES + 1))
    assert result_in(os.fsencode(results.parent)) == ["file", INLINE_RESULT_BYTES + 1]


def test_a_result_that_is_no_utf_8_keeps_its_bytes(results: Path) -> None:
    results.write_bytes(b'"\xff"')
    found = result_in(os.fsencode(results.parent))
    assert found is not None
    assert to_bytes(found[1]) == b'"\xff"'


def test_a_symbolic_link_is_no_result(results: Path) -> None:
    results.symlink_to("/etc/passwd")
    assert result_in(os.fsencode(results.parent)) == ["bad", "is a symbolic link"]


def test_a_directory_is_no_result(results: Path) -> None:
    results.mkdir()
    assert result_in(os.fsencode(results.parent)) == ["bad", "is a directory"]


def test_a_fifo_is_no_result(results: Path) -> None:
    os.mkfifo(results)
    assert result_in(os.fsencode(results.parent)) == ["bad", "is not a regular file"]


def test_a_file_of_somebody_else_is_no_result(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results.write_text("1")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert result_in(os.fsencode(results.parent)) == ["bad", "belongs to another user"]


@pytest.mark.parametrize(("content", "tail"), [(b"abcdef", "def"), (b"ab", "ab"), (b"", None), (b"\xff", "\udcff")])
def test_the_tail_is_the_last_bytes(tmp_path: Path, content: bytes, tail: str | None) -> None:
    (tmp_path / "stderr").write_bytes(content)
    assert tail_of(os.fsencode(tmp_path / "stderr"), 3) == tail


@pytest.mark.parametrize("kind", ["nothing", "directory", "fifo"])
def test_what_is_no_file_has_no_tail(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stderr"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    assert tail_of(os.fsencode(path), 3) is None


def test_only_whole_lines_are_passed_on(metrics: Path) -> None:
    metrics.write_text('{"a":1}\n{"a":2}\n{"a"')
    assert lines_from(metrics, 0) == ('{"a":1}\n{"a":2}\n', 16)
    assert lines_from(metrics, 16) == ("", 16)


def test_a_line_is_passed_on_once_it_is_whole(metrics: Path) -> None:
    metrics.write_text('{"a":1}\n{"a":2}\n')
    assert lines_from(metrics, 8) == ('{"a":2}\n', 16)


def test_a_missing_file_has_no_lines(metrics: Path) -> None:
    assert lines_from(metrics, 5) == ("", 5)


def test_a_file_that_was_cut_short_has_no_new_lines(metrics: Path) -> None:
    metrics.write_text("1\n")
    assert lines_from(metrics, 100) == ("", 100)


def test_lines_are_passed_on_however_many_there_are(metrics: Path) -> None:
    line = '{"loss":0.5}\n'
    count = 3 * INLINE_RESULT_BYTES // len(line)
    metrics.write_text(line * count)
    text, offset = lines_from(metrics, 0)
    assert text.count("\n") == count
    assert offset == metrics.stat().st_size


def test_a_very_long_line_does_not_hold_up_those_behind_it(metrics: Path) -> None:
    metrics.write_text("x" * (2 * INLINE_RESULT_BYTES) + "\n" + '{"a":1}\n')
    _, offset = lines_from(metrics, 0)
    assert offset > 0
