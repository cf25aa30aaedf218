"""Retries, time limits, memory limits, and studies that are given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runsemble import Cause, MultirunResult, ParallelLocalRunner, RunsFailed
from runsemble.model import events

from .conftest import RunStudy
from .support import PYTHON, Gate, lines_of, names_in, processes_of, text_of

SUCCEEDS_AT_THE_THIRD = "echo attempt $RUNSEMBLE_ATTEMPT; echo oops >&2; test $RUNSEMBLE_ATTEMPT = 3"


@pytest.mark.parametrize("limit", [{"max_failures": 2}, {"halt": "soon,fail=3"}], ids=["max_failures", "halt"])
def test_nothing_starts_after_the_failure_that_decides(study: RunStudy, limit: dict[str, Any]) -> None:
    result = study("false", runs=[{}] * 200, runner=ParallelLocalRunner(max_parallel=1), **limit)
    assert (result.statistics.failure_count, result.statistics.skipped_count) == (3, 197)


def test_a_run_is_tried_again_until_it_succeeds(study: RunStudy) -> None:
    run = study("sh", "-c", SUCCEEDS_AT_THE_THIRD, retries=5)[0]
    assert (run.status, run.cause, run.attempts) == ("success", Cause.OK, 3)
    assert run.read_stdout() == b"attempt 3\n"


def test_what_a_former_attempt_left_stands_under_its_number(study: RunStudy) -> None:
    script = SUCCEEDS_AT_THE_THIRD.replace("echo oops", "echo $RUNSEMBLE_ATTEMPT > results.json; echo oops")
    run = study("sh", "-c", script, retries=2)[0]
    for number in (1, 2):
        attempt = Path(run.run_dir, ".attempts", str(number))
        assert names_in(attempt) == ["results.json", "stderr", "stdout"]
        assert text_of(attempt / "stdout") == f"attempt {number}\n"
    assert run.result == 3


def test_a_result_of_an_earlier_attempt_is_not_taken_for_the_last_ones(study: RunStudy) -> None:
    script = "test $RUNSEMBLE_ATTEMPT = 1 && echo 1 > results.json && exit 1; exit 0"
    assert study("sh", "-c", script, retries=1)[0].result is None


def test_a_run_that_never_succeeds_fails_after_its_retries(study: RunStudy) -> None:
    run = study("sh", "-c", "echo x >> ../count; exit 7", retries=2)[0]
    assert (run.status, run.cause, run.returncode, run.attempts) == ("failure", Cause.EXIT, 7, 3)
    assert len(lines_of("out/count")) == 3


def test_a_run_beyond_its_time_is_ended_and_nobody_else(study: RunStudy) -> None:
    began = time.monotonic()
    result = study("sleep", "{s}", runs=[{"s": 1000}, {"s": 0.6}], timeout_s=0.5 + 1.0)
    late, quick = result
    assert (late.status, late.cause, late.returncode) == ("failure", Cause.TIMEOUT, -15)
    assert late.message == "longer than 1.5 s"
    assert quick.status == "success"
    assert time.monotonic() - began < 10


def test_a_time_limit_holds_for_every_attempt_anew(study: RunStudy) -> None:
    script = "echo x >> ../count; test $RUNSEMBLE_ATTEMPT = 2 || sleep 1000; sleep 0.2"
    run = study("sh", "-c", script, timeout_s=0.4, retries=1)[0]
    assert (run.status, run.attempts) == ("success", 2)


def test_a_run_that_ignores_its_end_is_killed_after_the_grace_period(study: RunStudy) -> None:
    runner = ParallelLocalRunner(grace_s=0.2)
    result = study("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", timeout_s=0.3, runner=runner)
    assert (result[0].cause, result[0].returncode) == (Cause.TIMEOUT, -9)
    assert processes_of(result.output_path) == {}


@pytest.mark.parametrize("timeout_s", [30 * 86_400, 1e9, float("inf")])
def test_a_time_limit_of_months_is_as_good_as_none(study: RunStudy, timeout_s: float) -> None:
    assert study("true", timeout_s=timeout_s)[0].status == "success"


def test_too_many_failures_end_the_study_but_not_what_runs(study: RunStudy, gate: Gate) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    runner.listen(_opener(gate, after=3))
    cmd = ("sh", "-c", f"test {{x}} = 0 || exit 1; touch began; {gate.words}")
    result = study(*cmd, runs=({"x": x} for x in range(500)), max_failures=2, runner=runner)
    _expect_given_up(result, failures=3)


def test_a_study_that_is_given_up_tells_of_every_parameter_set_of_a_list(study: RunStudy) -> None:
    result = study("false", runs=[{"x": x} for x in range(300)], max_failures=0)
    assert len(result) == 300
    assert result.statistics.failure_count + result.statistics.skipped_count == 300
    assert (result[-1].status, result[-1].params) == ("skipped", {"x": 299})


def _opener(gate: Gate, after: int) -> Callable[[events.Event], None]:
    """Return a listener that opens the gate once some runs have failed."""
    failures = 0

    def listen(event: events.Event) -> None:
        nonlocal failures
        failures += isinstance(event, events.RunEnded) and event.status == "failure"
        if failures >= after:
            gate.open()

    return listen


def _expect_given_up(result: MultirunResult, failures: int) -> None:
    assert result[0].status == "success", "a run that had begun was not let finish"
    assert failures <= result.statistics.failure_count <= failures + 60  # some were on their way already
    assert result.statistics.skipped_count == len(result) - 1 - result.statistics.failure_count
    for run in result:
        if run.status == "skipped":
            assert (run.cause, run.returncode, run.attempts, run.usage) == (Cause.ABORTED, None, 0, None)
            assert names_in(run.run_dir) == []


def test_failures_up_to_the_limit_are_put_up_with(study: RunStudy) -> None:
    result = study("sh", "-c", "exit $(( {x} < 3 ))", runs=[{"x": x} for x in range(8)], max_failures=3)
    assert (result.statistics.failure_count, result.statistics.success_count) == (3, 5)


def test_a_failure_that_a_retry_made_good_does_not_count(study: RunStudy) -> None:
    result = study("sh", "-c", "test $RUNSEMBLE_ATTEMPT = 2", runs=[{}] * 6, retries=1, max_failures=0)
    assert result.statistics.success_count == 6


def test_a_run_that_takes_too_much_memory_is_ended_and_its_neighbour_is_not(study: RunStudy, gate: Gate) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    runner.listen(_opener(gate, after=1))
    hold = (
        f"import os, time\nx = b'x' * ({{mib}} << 20)\nwhile not os.path.exists({str(gate.path)!r}): time.sleep(0.01)"
    )
    result = study(PYTHON, "-c", hold, runs=[{"mib": 300}, {"mib": 30}], mem_mib=150, runner=runner)
    greedy, modest = result
    assert (greedy.status, greedy.cause, greedy.returncode) == ("failure", Cause.OOM, -9)
    assert greedy.usage is not None
    assert greedy.usage.max_rss_bytes > 150 * 2**20
    assert (modest.status, modest.cause) == ("success", Cause.OK)


def test_the_memory_of_all_processes_of_a_run_counts(study: RunStudy) -> None:
    one = f"{PYTHON} -c \"import time; x = b'x' * (60 << 20); time.sleep(1000)\""
    run = study("sh", "-c", f"{one} & {one} & {one} & wait", mem_mib=150)[0]
    assert run.cause is Cause.OOM


def test_no_more_memory_is_given_away_than_there_is(study: RunStudy) -> None:
    runner = ParallelLocalRunner(max_parallel=4, mem_mib=100)
    script = "echo + >> ../log; sleep 0.05; echo - >> ../log"
    result = study("sh", "-c", script, runs=[{}] * 6, mem_mib=60, runner=runner)
    assert result.statistics.success_count == 6
    assert lines_of("out/log") == ["+", "-"] * 6


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (None, "command not found: no-such-program"),
        ("file", "is not executable: chmod +x it"),
        ("folder", "is not executable: it is a directory"),
        ("no interpreter", "the interpreter on its first line (#!) does not exist"),
        ("binary", "is neither a program nor a script"),
    ],
)
def test_a_command_that_cannot_be_started_fails_that_run_and_no_other(
    study: RunStudy, here: Path, make: str | None, words: str
) -> None:
    path = here / "thing"
    if make == "folder":
        path.mkdir()
    elif make is not None:
        path.write_bytes({"file": b"", "no interpreter": b"#!/no/such\n", "binary": b"\0\1\2"}[make])
        path.chmod(0o644 if make == "file" else 0o755)
    program = "no-such-program" if make is None else str(path)
    bad, good = study("{program}", runs=[{"program": program}, {"program": "true"}])
    assert (bad.status, bad.cause, bad.returncode) == ("failure", Cause.LAUNCH_ERROR, None)
    assert words in bad.message
    assert (program if make is None else path.name) in bad.message
    assert "\n" not in bad.message
    assert good.status == "success"


def test_a_missing_program_is_told_by_raise_for_failures(study: RunStudy) -> None:
    with pytest.raises(RunsFailed, match=r"1 of 1 run failed.*\n.*command not found: no-such-program"):
        study("no-such-program").raise_for_failures()
