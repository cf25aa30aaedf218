"""Results files of every kind, good and bad: a run keeps its status, and the trouble is told when it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runsemble import ResultError

from .conftest import RunStudy
from .support import PYTHON

#: What a run leaves as results.json, as a shell script; and what the error says about it.
BAD = {
    "written only in part": ("printf '{\"loss\": 0.' > results.json", "is not valid JSON"),
    "no JSON at all": ("echo loss=0.25 > results.json", "is not valid JSON"),
    "empty": ("> results.json", "is not valid JSON"),
    "a directory": ("mkdir results.json", "is a directory"),
    "a symbolic link elsewhere": ("echo 1 > ../elsewhere; ln -s ../elsewhere results.json", "is a symbolic link"),
    "a dangling link": ("ln -s nowhere results.json", "is a symbolic link"),
    "a pipe": ("mkfifo results.json", "is not a regular file"),
    "no text": ("printf '\\377\\376' > results.json", "is not valid JSON"),
    "an unknown tag": ('echo \'{"__type__": "magic", "value": 1}\' > results.json', "unknown tag 'magic'"),
    "a malformed tag": ('echo \'{"__type__": "tuple"}\' > results.json', "malformed tag 'tuple'"),
    "huge and cut short": ("{ printf '['; yes 1, | head -c 200000; } > results.json", "is not valid JSON"),
    "a pickle that is none": (
        'echo \'{"__type__": "pickle", "value": "AAAA"}\' > results.json',
        "holds a pickle that cannot be loaded",
    ),
    "nested too deeply": (
        f"{PYTHON} -c \"print('[' * 100000 + ']' * 100000)\" > results.json",
        "results.json",
    ),
}


@pytest.mark.parametrize("exit_code", [0, 3])
@pytest.mark.parametrize("what", BAD)
def test_a_bad_results_file_is_told_on_access_and_changes_nothing_else(
    study: RunStudy, what: str, exit_code: int
) -> None:
    script, words = BAD[what]
    bad, good = study("sh", "-c", "eval \"$SCRIPT\"; exit {code}", runs=[
        {"code": exit_code, "script": script}, {"code": 0, "script": "echo 1 > results.json"},
    ], env={"SCRIPT": "{script}"})  # fmt: skip
    assert (bad.status, bad.returncode) == ("success" if exit_code == 0 else "failure", exit_code)
    with pytest.raises(ResultError) as caught:
        _ = bad.result
    message = str(caught.value)
    assert words in message
    assert f"{bad.run_dir}/results.json" in message
    assert "\n" not in message
    assert len(message) < 600
    assert caught.value.path == f"{bad.run_dir}/results.json"
    assert good.result == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_results_file_of_another_user_is_not_read(study: RunStudy) -> None:
    run = study("sh", "-c", "echo 1 > results.json; chown 12345 results.json")[0]
    assert run.status == "success"
    with pytest.raises(ResultError, match=r"results\.json belongs to another user"):
        _ = run.result


def test_a_large_result_that_vanishes_is_told(study: RunStudy) -> None:
    run = study("sh", "-c", "{ printf '\"'; yes x | head -c 100000 | tr -d '\\n'; printf '\"'; } > results.json")[0]
    assert run.result == "x" * 50_000
    Path(run.run_dir, "results.json").unlink()
    if run.result is not None:  # small enough to have come with the exit
        assert run.result == "x" * 50_000


def test_a_result_larger_than_travels_with_the_exit_is_read_from_its_file(study: RunStudy) -> None:
    run = study("sh", "-c", "{ printf '\"'; yes x | head -c 400000 | tr -d '\\n'; printf '\"'; } > results.json")[0]
    assert run.result == "x" * 200_000
    Path(run.run_dir, "results.json").unlink()
    with pytest.raises(ResultError, match=r"results\.json cannot be read: No such file"):
        _ = run.result


def test_one_bad_result_does_not_hide_the_others_from_the_table(study: RunStudy) -> None:
    script = "case {x} in 1) echo '{' > results.json;; *) echo {x} > results.json;; esac"
    result = study("sh", "-c", script, runs=[{"x": x} for x in range(3)])
    with pytest.raises(ResultError, match=r"/out/1/results\.json"):
        _ = result.results
    assert [run.result for run in result if run.id != 1] == [0, 2]


def test_a_temporary_file_of_a_run_that_was_killed_while_posting_is_no_result(study: RunStudy) -> None:
    run = study("sh", "-c", "echo '{' > results.json.123.tmp; kill -9 $$")[0]
    assert run.result is None


def test_our_other_files_may_be_anything_too(study: RunStudy) -> None:
    script = "rm -f stdout stderr; mkdir stdout stderr metrics.jsonl .attempts; exit $((2 - $RUNSEMBLE_ATTEMPT))"
    run = study("sh", "-c", script, retries=1)[0]
    assert (run.status, run.attempts) == ("success", 2)


def test_a_run_may_remove_its_own_directory(study: RunStudy) -> None:
    run = study("sh", "-c", 'rm -r "$RUNSEMBLE_RUN_DIR"')[0]
    assert (run.status, run.result) == ("success", None)
    with pytest.raises(FileNotFoundError):
        run.read_stdout()


def test_a_retry_whose_directory_is_gone_gets_a_new_one(study: RunStudy, here: Path) -> None:
    (here / "table").write_text("data")
    script = 'cat table; test $RUNSEMBLE_ATTEMPT = 2 || { rm -r "$RUNSEMBLE_RUN_DIR"; exit 1; }'
    run = study("sh", "-c", script, retries=1, input_files=["table"])[0]
    assert (run.status, run.attempts, run.read_stdout()) == ("success", 2, b"data")
