import pytest

from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.sched.policy import MAX_FREE_ATTEMPTS, AbortPolicy, RetryPolicy

OF_THE_RUN = sorted(set(Cause) - FINAL - INFRASTRUCTURE)


@pytest.mark.parametrize("cause", OF_THE_RUN)
def test_a_failure_of_the_runs_own_is_charged(cause: Cause) -> None:
    policy = RetryPolicy(retries=2)
    assert [policy.allows(cause, charged, 0) for charged in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("cause", OF_THE_RUN)
def test_there_are_no_retries_unless_asked_for(cause: Cause) -> None:
    assert not RetryPolicy().allows(cause, 0, 0)


@pytest.mark.parametrize("cause", sorted(INFRASTRUCTURE))
def test_a_failure_of_the_machinery_is_put_up_with_for_a_while(cause: Cause) -> None:
    policy = RetryPolicy()
    assert policy.allows(cause, 0, MAX_FREE_ATTEMPTS - 1)
    assert not policy.allows(cause, 0, MAX_FREE_ATTEMPTS)


@pytest.mark.parametrize("cause", sorted(FINAL))
def test_no_attempt_follows_a_final_cause(cause: Cause) -> None:
    assert not RetryPolicy(retries=10).allows(cause, 0, 0)


@pytest.mark.parametrize(("failures", "exceeded"), [(0, False), (2, False), (3, True)])
def test_a_study_is_given_up_when_more_fail_than_allowed(failures: int, exceeded: bool) -> None:
    assert AbortPolicy(max_failures=2).is_exceeded(failures) is exceeded


def test_no_failure_at_all_can_be_asked_for() -> None:
    assert AbortPolicy(max_failures=0).is_exceeded(1)
    assert not AbortPolicy(max_failures=0).is_exceeded(0)


def test_any_number_of_failures_is_put_up_with_by_default() -> None:
    assert not AbortPolicy().is_exceeded(10**9)
