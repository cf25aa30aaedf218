import pytest

from runsemble.errors import RequestError
from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.sched.retry import ABORTED, DONE, PROMPT, TEMPFAIL, Decision, RetryPolicy, parse_retries

OF_THE_RUN = sorted(set(Cause) - FINAL - INFRASTRUCTURE)
WITHOUT_MORE = sorted(set(OF_THE_RUN) - {Cause.OOM, Cause.TIMEOUT})


@pytest.mark.parametrize("cause", OF_THE_RUN)
def test_there_are_no_retries_unless_asked_for(cause: Cause) -> None:
    assert RetryPolicy().decide(cause, 1, {}, 0) == DONE


@pytest.mark.parametrize("cause", OF_THE_RUN)
def test_a_failure_of_the_runs_own_is_charged_up_to_the_budget(cause: Cause) -> None:
    policy = RetryPolicy(retries=2)
    decisions = [policy.decide(cause, 1, {cause: made}, 0) for made in range(4)]
    assert [one.kind for one in decisions] == ["retry", "retry", "done", "done"]
    assert all(one.is_charged for one in decisions[:2])


@pytest.mark.parametrize("cause", sorted(FINAL))
def test_nothing_follows_a_final_cause(cause: Cause) -> None:
    policy = RetryPolicy(retries=None, abort_on=frozenset({0, 1}))
    assert policy.decide(cause, 0, {}, 0) == DONE


def test_failures_of_different_causes_share_the_budget() -> None:
    policy = RetryPolicy(retries=3)
    assert policy.decide(Cause.EXIT, 1, {Cause.OOM: 1, Cause.SIGNAL: 1}, 0).kind == "retry"
    assert policy.decide(Cause.EXIT, 1, {Cause.OOM: 1, Cause.SIGNAL: 2}, 0) == DONE


def test_a_cause_with_a_count_of_its_own_is_counted_apart() -> None:
    policy = RetryPolicy(retries=1, by_cause={Cause.OOM: 2})
    assert policy.decide(Cause.OOM, None, {Cause.EXIT: 1, Cause.OOM: 1}, 0).kind == "retry"
    assert policy.decide(Cause.OOM, None, {Cause.EXIT: 1, Cause.OOM: 2}, 0) == DONE
    assert policy.decide(Cause.EXIT, 1, {Cause.OOM: 2}, 0).kind == "retry"
    assert policy.decide(Cause.EXIT, 1, {Cause.OOM: 2, Cause.EXIT: 1}, 0) == DONE


def test_a_count_of_nothing_takes_a_cause_out_of_the_budget() -> None:
    assert RetryPolicy(retries=5, by_cause={Cause.TIMEOUT: 0}).decide(Cause.TIMEOUT, None, {}, 0) == DONE


@pytest.mark.parametrize("policy", [RetryPolicy(retries=None), RetryPolicy(by_cause={Cause.EXIT: None})])
def test_without_a_limit_it_never_ends(policy: RetryPolicy) -> None:
    assert policy.decide(Cause.EXIT, 1, {Cause.EXIT: 10**6}, 0).kind == "retry"


def test_out_of_memory_is_tried_again_with_more_at_once() -> None:
    policy = RetryPolicy(retries=3, backoff_s=60, mem_factor=1.5)
    assert policy.decide(Cause.OOM, None, {}, 0) == Decision(kind="retry", mem_factor=1.5, is_charged=True)


def test_a_timeout_is_tried_again_with_more_time_at_once() -> None:
    policy = RetryPolicy(retries=3, backoff_s=60, time_factor=3)
    assert policy.decide(Cause.TIMEOUT, -15, {}, 0) == Decision(kind="retry", time_factor=3, is_charged=True)


def test_a_program_that_asks_for_later_is_tried_again_later() -> None:
    policy = RetryPolicy(retries=None, backoff_max_s=60)
    waits = [policy.decide(Cause.EXIT, TEMPFAIL, {Cause.EXIT: made}, 0).delay_s for made in range(5)]
    assert waits == [10, 20, 40, 60, 60]


@pytest.mark.parametrize("cause", WITHOUT_MORE)
def test_the_wait_after_other_failures_doubles_up_to_the_longest(cause: Cause) -> None:
    policy = RetryPolicy(retries=None, backoff_s=2, backoff_max_s=9)
    assert [policy.decide(cause, 1, {cause: made}, 0).delay_s for made in range(4)] == [2, 4, 8, 9]


def test_without_a_backoff_another_attempt_follows_at_once() -> None:
    assert RetryPolicy(retries=9).decide(Cause.EXIT, 1, {Cause.EXIT: 8}, 0).delay_s == 0


@pytest.mark.parametrize("cause", sorted(INFRASTRUCTURE))
def test_a_failure_of_the_machinery_is_free_for_a_while(cause: Cause) -> None:
    decisions = [RetryPolicy(max_free=5).decide(cause, None, {}, free) for free in range(6)]
    assert [one.kind for one in decisions] == ["retry"] * 5 + ["done"]
    assert not any(one.is_charged for one in decisions)
    assert [one.delay_s for one in decisions[:5]] == [0.0] * PROMPT + [1, 2, 4]


@pytest.mark.parametrize("cause", sorted(INFRASTRUCTURE))
def test_a_failure_of_the_machinery_with_a_count_of_its_own_is_charged(cause: Cause) -> None:
    policy = RetryPolicy(by_cause={cause: 1})
    assert policy.decide(cause, None, {}, 99) == Decision(kind="retry", is_charged=True)
    assert policy.decide(cause, None, {cause: 1}, 0) == DONE


@pytest.mark.parametrize("cause", [Cause.EXIT, Cause.TIMEOUT, Cause.AGENT_LOST])
def test_an_exit_code_that_aborts_does_so_whatever_is_left(cause: Cause) -> None:
    policy = RetryPolicy(retries=None, by_cause={Cause.EXIT: None}, abort_on=frozenset({3, TEMPFAIL}))
    assert policy.decide(cause, 3, {}, 0) == ABORTED
    assert policy.decide(cause, TEMPFAIL, {}, 0) == ABORTED
    assert policy.decide(cause, 4, {}, 0).kind == "retry"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retries", -1), ("retries", True), ("max_free", -1), ("backoff_s", -1.0), ("backoff_s", float("nan")),
        ("backoff_max_s", float("inf")), ("mem_factor", 0.5), ("time_factor", 0.0), ("tempfail_s", -0.1),
        ("by_cause", {Cause.OK: 1}), ("by_cause", {Cause.OOM: -1}),
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(RequestError):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "retries", "by_cause"),
    [
        ("3", 3, {}),
        ("0", 0, {}),
        ("inf", None, {}),
        ("oom=2,timeout=1", 0, {Cause.OOM: 2, Cause.TIMEOUT: 1}),
        ("3,oom=5", 3, {Cause.OOM: 5}),
        ("oom=5,3", 3, {Cause.OOM: 5}),
        (" 1 , node_lost = inf ", 1, {Cause.NODE_LOST: None}),
    ],
)
def test_retries_are_read_as_people_write_them(
    text: str, retries: int | None, by_cause: dict[Cause, int | None]
) -> None:
    assert parse_retries(text) == RetryPolicy(retries=retries, by_cause=by_cause)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "3,4", "oom", "oom=", "=3", "oom=2,oom=2", "ok=1", "killed=2", "luck=1", "1.5", "3,", "oom=2=1", "٣"],
)
def test_retries_that_cannot_be_read_are_refused_with_the_forms(text: str) -> None:
    with pytest.raises(RequestError, match="such as 3 or oom=2,timeout=1 or 3,oom=5") as caught:
        parse_retries(text)
    assert "exit, signal, timeout, oom" in str(caught.value)
    assert "killed" not in str(caught.value).partition("CAUSE is one of")[2]
