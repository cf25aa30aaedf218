import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runsemble.display.words import (
    Progress,
    clock_words,
    counts_words,
    duration_words,
    failure_line,
    nearest_path,
    progress_line,
    range_words,
    use_words,
)
from runsemble.model.stats import RunStatistics
from runsemble.sched.pool import PoolUsage

#: 2023-11-14 22:13:20 UTC.
NOW = 1_700_000_000.0


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock of the machine to UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0071, "7 ms"),
        (0.094, "94 ms"),
        (0.1, "0.1 s"),
        (1.54, "1.5 s"),
        (42.3, "42 s"),
        (200, "3 min 20 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (360_000, "100 h 0 min"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(9.97, "10 s"), (59.7, "1 min 0 s")])
def test_a_duration_is_rounded_into_the_next_form(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 0.4, "1 s"),
        (3, 5, "3-5 s"),
        (3.2, 4.8, "3-5 s"),
        (8, 8, "8 s"),
        (59, 99.5, "59-100 s"),
        (200, 300, "3.3-5.0 min"),
        (1200, 1500, "20-25 min"),
        (5400, 9000, "1.5-2.5 h"),
        (259_200, 345_600, "3.0-4.0 d"),
    ],
)
def test_a_range_has_one_unit_and_is_rounded_outwards(low: float, high: float, words: str) -> None:
    assert range_words(low, high) == words


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (10, 30, "ends 22:13:30-22:13:50"),
        (10, 10, "ends 22:13:30"),
        (600, 1200, "ends 22:23-22:33"),
        (600, 605, "ends 22:23"),
        (3600, 7200, "ends Nov 14 23:13-Nov 15 00:13"),
    ],
)
def test_the_clock_has_a_date_where_that_is_not_today(low: float, high: float, words: str) -> None:
    assert clock_words(low, high, NOW) == words


def test_what_is_not_there_is_not_counted() -> None:
    assert counts_words(RunStatistics(running_count=2, total_count=2)) == ["2 running"]
    many = RunStatistics(running_count=2, failure_count=1, skipped_count=3, complete_count=4, total_count=9)
    assert counts_words(many) == ["2 running", "1 failed", "3 skipped"]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (None, []),
        (PoolUsage(1, 2, 0, 0, 1), ["1/2 cores"]),
        (PoolUsage(1, 2, 3, 4, 1), ["1/2 cores", "3/4 GPUs"]),
        (PoolUsage(1, 2, 0, 4, 1, counts_cores=False), ["0/4 GPUs"]),
    ],
)
def test_cores_and_gpus_are_worded_where_they_are_counted(use: PoolUsage | None, words: list[str]) -> None:
    assert use_words(use) == words


def line_of(
    total: int | None, done: int, elapsed_s: float, left_s: tuple[float, float] | None = None, failed: int = 0
) -> str:
    stats = RunStatistics(
        pending_count=100 - done - 2,
        running_count=2,
        success_count=done - failed,
        failure_count=failed,
        complete_count=done,
        total_count=100,
    )
    return progress_line(Progress(stats, total, elapsed_s, left_s, PoolUsage(2, 4, 0, 0, 2)))


def test_a_plain_line_says_how_far_it_is() -> None:
    line = "40/100 runs done, 2 running, 1 failed, 2/4 cores, 3.33 runs/s, 18-20 s left"
    assert line_of(100, 40, 12.0, (18.0, 20.0), failed=1) == line
    assert line_of(None, 40, 12.0) == "40 of at least 100 runs done, 2 running, 2/4 cores, 3.33 runs/s"
    assert line_of(100, 0, 12.0) == "0/100 runs done, 2 running, 2/4 cores"


def test_a_high_rate_is_a_plain_number() -> None:
    line = line_of(100, 90, 0.005)
    assert "runs/s" in line
    assert "e+" not in line


def test_a_failure_is_one_line() -> None:
    line = failure_line(3, "exit code 1", "no such table", "/data/out/3/stderr")
    assert line == "run 3 failed: exit code 1 — no such table — see /data/out/3/stderr"
    assert failure_line(3, "exit code 1", None, "/data/3") == "run 3 failed: exit code 1 — see /data/3"


def test_long_last_words_are_shortened() -> None:
    line = failure_line(3, "exit code 1", "x" * 10_000, "/data/3")
    assert "x" * 90 in line
    assert "x…" in line
    assert len(line) < 200


@pytest.mark.parametrize("place", ["message", "last words", "path"])
def test_a_failure_line_obeys_nobody(place: str) -> None:
    for what in ("\x1b[2Jgone", "two\nlines", "\u202eright to left", "\ud800", "\r\x08\x07"):
        parts = {"message": "exit code 1", "last words": "no such table", "path": "/data/3"} | {place: f"/data/{what}"}
        line = failure_line(3, parts["message"], parts["last words"], parts["path"])
        assert line.isprintable()


def test_a_path_is_relative_where_that_is_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearest_path(str(tmp_path / "out/3")) == "out/3"
    assert nearest_path(str(tmp_path)) == "."
    assert nearest_path("/x") == "/x"


def test_a_path_is_absolute_where_there_is_no_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    assert nearest_path("/data/out/3") == "/data/out/3"
