import pytest

from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.sched.machine import RunMachine, Verdict
from runsemble.sched.retry import RetryPolicy

ONCE = RetryPolicy()
TWICE = RetryPolicy(retries=1)


def test_a_run_starts_and_succeeds() -> None:
    run = RunMachine()
    assert run.start(1)
    assert run.status == "running"
    assert run.end(1, Cause.OK, ONCE) is Verdict.DONE
    assert (run.status, run.cause, run.attempt) == ("success", Cause.OK, 1)


def test_a_run_without_retries_fails_at_once() -> None:
    run = RunMachine()
    run.start(1)
    assert run.end(1, Cause.EXIT, ONCE) is Verdict.DONE
    assert (run.status, run.cause) == ("failure", Cause.EXIT)


def test_a_failed_attempt_is_followed_by_another_one() -> None:
    run = RunMachine()
    run.start(1)
    assert run.end(1, Cause.EXIT, TWICE) is Verdict.RETRY
    assert (run.status, run.attempt, dict(run.charged), run.free) == ("pending", 2, {Cause.EXIT: 1}, 0)


def test_retries_run_out() -> None:
    run = RunMachine()
    run.end(1, Cause.EXIT, TWICE)
    run.start(2)
    assert run.end(2, Cause.EXIT, TWICE) is Verdict.DONE
    assert (run.status, run.attempt) == ("failure", 2)


@pytest.mark.parametrize("cause", sorted(INFRASTRUCTURE))
def test_a_failure_of_the_machinery_costs_no_retry(cause: Cause) -> None:
    run = RunMachine()
    run.start(1)
    assert run.end(1, cause, ONCE) is Verdict.RETRY
    assert (run.attempt, dict(run.charged), run.free) == (2, {}, 1)


@pytest.mark.parametrize("cause", sorted(FINAL - {Cause.OK}))
def test_nothing_follows_an_end_that_somebody_wanted(cause: Cause) -> None:
    run = RunMachine()
    run.start(1)
    assert run.end(1, cause, TWICE) is Verdict.DONE
    assert run.status == ("skipped" if cause is Cause.ABORTED else "failure")


def test_an_attempt_may_end_without_having_been_heard_to_start() -> None:
    run = RunMachine()
    assert run.end(1, Cause.OK, ONCE) is Verdict.DONE
    assert run.status == "success"


def test_a_start_that_was_heard_before_is_no_news() -> None:
    run = RunMachine()
    assert run.start(1)
    assert not run.start(1)


def test_a_start_that_comes_after_the_end_is_no_news() -> None:
    run = RunMachine()
    run.end(1, Cause.OK, ONCE)
    assert not run.start(1)
    assert run.status == "success"


@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_what_is_heard_of_another_attempt_means_nothing(attempt: int) -> None:
    run = RunMachine()
    run.end(1, Cause.EXIT, TWICE)
    assert not run.start(attempt)
    assert run.end(attempt, Cause.OK, TWICE) is Verdict.STALE
    assert (run.status, run.attempt, run.cause) == ("pending", 2, Cause.EXIT)


def test_an_end_that_was_heard_before_means_nothing() -> None:
    run = RunMachine()
    run.end(1, Cause.OK, ONCE)
    assert run.end(1, Cause.EXIT, ONCE) is Verdict.STALE
    assert (run.status, run.cause) == ("success", Cause.OK)


def test_a_pending_run_can_be_skipped() -> None:
    run = RunMachine()
    assert run.skip(Cause.ABORTED)
    assert (run.status, run.cause) == ("skipped", Cause.ABORTED)


def test_a_failed_run_that_is_not_tried_again_has_failed() -> None:
    run = RunMachine()
    run.start(1)
    run.end(1, Cause.EXIT, TWICE)
    assert run.skip(Cause.ABORTED)
    assert (run.status, run.cause, run.made) == ("failure", Cause.EXIT, 1)


def test_a_run_that_is_ended_in_its_second_attempt_has_made_two() -> None:
    run = RunMachine()
    for cause in (Cause.EXIT, Cause.ABORTED):
        assert run.start(run.attempt)
        run.end(run.attempt, cause, TWICE)
    assert (run.status, run.made) == ("skipped", 2)


def test_a_run_that_is_skipped_has_made_no_attempt() -> None:
    run = RunMachine()
    run.skip(Cause.ABORTED)
    assert (run.status, run.made) == ("skipped", 0)


def test_a_run_whose_machine_failed_and_is_not_tried_again_is_skipped() -> None:
    run = RunMachine()
    run.start(1)
    run.end(1, Cause.AGENT_LOST, TWICE)
    assert run.skip(Cause.ABORTED)
    assert (run.status, run.cause) == ("skipped", Cause.ABORTED)


def test_a_skipped_run_stays_skipped() -> None:
    run = RunMachine()
    run.skip(Cause.ABORTED)
    assert not run.start(1)
    assert run.end(1, Cause.OK, ONCE) is Verdict.STALE
    assert not run.skip(Cause.CANCELLED)
    assert (run.status, run.cause) == ("skipped", Cause.ABORTED)


def test_a_run_that_has_ended_cannot_be_skipped() -> None:
    run = RunMachine()
    run.end(1, Cause.OK, ONCE)
    assert not run.skip(Cause.ABORTED)
    assert run.status == "success"


def test_a_step_that_went_well_is_followed_by_the_next_one() -> None:
    run = RunMachine()
    run.start(1, 0)
    assert run.end(1, Cause.OK, ONCE, 0, has_next=True) is Verdict.NEXT
    assert (run.status, run.attempt, run.step) == ("pending", 1, 1)
    assert run.start(1, 1)
    assert run.end(1, Cause.OK, ONCE, 1) is Verdict.DONE
    assert run.status == "success"


def test_another_attempt_goes_on_at_the_step_that_failed() -> None:
    run = RunMachine()
    run.end(1, Cause.OK, TWICE, 0, has_next=True)
    assert run.end(1, Cause.EXIT, TWICE, 1, has_next=True) is Verdict.RETRY
    assert (run.attempt, run.step) == (2, 1)
    assert run.end(1, Cause.EXIT, TWICE, 1) is Verdict.STALE


def test_an_exit_code_to_abort_on_ends_a_run_whatever_is_left() -> None:
    run = RunMachine()
    run.start(1)
    policy = RetryPolicy(retries=5, abort_on=frozenset({9}))
    assert run.end(1, Cause.EXIT, policy, returncode=9) is Verdict.DONE
    assert (run.status, run.cause) == ("failure", Cause.ABORTED)


def test_a_run_that_somebody_else_has_begun_goes_on_where_it_stands() -> None:
    run = RunMachine()
    run.resume(3, 1, is_running=True)
    assert (run.status, run.made) == ("running", 3)
    assert run.end(3, Cause.OK, ONCE, 1) is Verdict.DONE
