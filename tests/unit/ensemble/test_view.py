"""What a user sees of a stored run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runsemble import codec
from runsemble.ensemble.view import EnsembleRun, result_or_problem, view
from runsemble.errors import ResultError
from runsemble.model.status import Cause
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, StoredAttempt, StoredRun

FAILED = StoredRun(7, 1, '{"x": 1}', None, None, STATUS_NUMBER["failure"], CAUSE_NUMBER[Cause.EXIT], 2, 1, 3, None)
LAST = StoredAttempt(7, 2, 1, 10.0, cause_number=1, returncode=3, wall_s=2.0, tail="first\nlast words\n")


def seen(run: StoredRun = FAILED, output: Any = "files", **more: Any) -> EnsembleRun:
    return view(run, "/study", output, **more)


def test_a_run_is_shown_with_what_is_stored_of_it() -> None:
    run = seen(last_attempt=LAST)
    assert (run.id, run.params, run.status, run.cause) == (7, {"x": 1}, "failure", Cause.EXIT)
    assert (run.message, run.returncode, run.attempts, run.step) == ("exit code 3", 3, 2, 1)
    assert run.usage is not None
    assert run.usage.wall_s == 2.0
    assert seen().usage is None


@pytest.mark.parametrize(
    ("directory", "path"), [(None, "/study/7"), ("a/b", "/study/a/b"), ("/elsewhere/a", "/elsewhere/a")]
)
def test_its_directory_is_seen_from_the_studys_unless_it_is_elsewhere(directory: str | None, path: str) -> None:
    assert seen(FAILED._replace(directory=directory)).run_dir == path


@pytest.mark.parametrize(
    ("output", "paths"),
    [
        ("files", ("/study/7/stdout", "/study/7/stderr")),
        ("merged", ("/study/7/output", "/study/7/output")),
        ("discard", (None, None)),
        ("tail", (None, None)),
    ],
)
def test_its_output_is_where_the_study_says(output: str, paths: tuple[str | None, str | None]) -> None:
    run = seen(output=output)
    assert (run.stdout, run.stderr) == paths


@pytest.mark.parametrize("status", ["pending", "success", "killed", "running"])
def test_only_a_failure_has_last_words(status: Any) -> None:
    assert seen(last_attempt=LAST).last_words == "last words"
    assert seen(FAILED._replace(status_number=STATUS_NUMBER[status]), last_attempt=LAST).last_words is None
    assert seen(last_attempt=LAST._replace(tail=None)).last_words is None


def test_a_result_comes_with_its_types_and_nothing_is_not_none() -> None:
    value = {"t": (1, 2.0), "n": None}
    assert seen(posted=("text", codec.encode(value))).result == value
    assert seen(posted=("text", "null")).has_result
    assert (seen().result, seen().has_result) == (None, False)


def test_a_result_that_was_pickled_is_read_only_on_request() -> None:
    run = seen(posted=("text", codec.encode(range(3), allow_pickle=True)))
    assert run.result == range(3)
    with pytest.raises(ResultError, match="pickle"):
        run.read_result(allow_pickle=False)


def test_a_large_result_is_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"y": 2}')
    run = seen(FAILED._replace(directory=str(tmp_path)), posted=("file", "8"))
    assert run.result == {"y": 2}


def test_a_result_that_cannot_be_read_says_why() -> None:
    run = seen(posted=("bad", "is a directory"))
    with pytest.raises(ResultError, match=r"/study/7/results\.json is a directory, so it is not read"):
        _ = run.result
    assert result_or_problem(run) == (None, "/study/7/results.json is a directory, so it is not read")
    assert result_or_problem(seen(posted=("text", "1"))) == (1, "")
