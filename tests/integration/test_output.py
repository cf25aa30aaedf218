"""What becomes of the output of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import RunStudy
from .support import names_in, text_of

BOTH = ("sh", "-c", "echo out; echo err >&2; echo again")


def test_files_keep_the_two_streams_apart(study: RunStudy) -> None:
    run = study(*BOTH, output="files")[0]
    assert (text_of(run.stdout), text_of(run.stderr)) == ("out\nagain\n", "err\n")
    assert (run.stdout, run.stderr) == (run.run_dir + "/stdout", run.run_dir + "/stderr")
    assert (run.read_stdout(), run.read_stderr()) == (b"out\nagain\n", b"err\n")


def test_merged_keeps_the_streams_in_one_file_in_the_order_of_writing(study: RunStudy) -> None:
    run = study(*BOTH, output="merged")[0]
    assert run.stdout == run.stderr == run.run_dir + "/output"
    assert text_of(run.stdout) == "out\nerr\nagain\n"
    assert run.read_stdout() == run.read_stderr() == b"out\nerr\nagain\n"


def test_discard_keeps_nothing(study: RunStudy) -> None:
    run = study(*BOTH, output="discard")[0]
    assert run.stdout is None
    assert run.stderr is None
    assert names_in(run.run_dir) == ["params.json"]
    with pytest.raises(FileNotFoundError, match="output of run 0 was not kept"):
        run.read_stdout()


def test_tail_keeps_the_last_64_kib_with_the_run_and_no_file(study: RunStudy) -> None:
    run = study("sh", "-c", "seq 1 30000; echo the end >&2", output="tail")[0]
    expected = ("".join(f"{n}\n" for n in range(1, 30001)) + "the end\n").encode()
    assert len(expected) > 100_000
    assert run.read_stdout() == expected[-64 * 1024 :]
    assert (run.stdout, run.stderr) == (None, None)
    assert names_in(run.run_dir) == ["params.json"]


def test_tail_keeps_bytes_that_are_no_text(study: RunStudy) -> None:
    assert study("printf", "\\377\\376\\000x", output="tail")[0].read_stdout() == b"\xff\xfe\x00x"


def test_tail_of_a_run_that_says_nothing_is_empty(study: RunStudy) -> None:
    assert study("true", output="tail")[0].read_stdout() == b""


@pytest.mark.parametrize("mode", ["files", "merged", "tail"])
def test_the_end_of_the_output_can_be_read_alone(study: RunStudy, mode: str) -> None:
    run = study("seq", "1", "1000", output=mode)[0]
    assert run.read_stdout(tail=9) == b"999\n1000\n"[-9:]
    assert run.read_stdout(tail=0) == b""
    assert run.read_stdout(tail=1_000_000) == run.read_stdout()


@pytest.mark.parametrize("mode", ["files", "merged", "discard", "tail"])
def test_ten_megabytes_of_output_are_no_trouble(study: RunStudy, mode: str) -> None:
    run = study("head", "-c", "10000000", "/dev/zero", output=mode)[0]
    assert run.status == "success"
    if run.stdout is not None:
        assert Path(run.stdout).stat().st_size == 10_000_000


@pytest.mark.parametrize("mode", ["files", "merged", "tail"])
def test_the_last_words_of_a_failed_run_are_at_hand(study: RunStudy, mode: str) -> None:
    run = study("sh", "-c", "echo first >&2; echo 'no such table' >&2; exit 3", output=mode)[0]
    assert run.last_words == "no such table"


def test_the_runs_read_nothing_from_the_terminal(study: RunStudy) -> None:
    assert study("cat")[0].read_stdout() == b""
