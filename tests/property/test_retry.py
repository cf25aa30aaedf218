from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.status import FINAL, INFRASTRUCTURE, Cause
from runsemble.sched.retry import RetryPolicy, parse_retries

causes = st.sampled_from(Cause)
budgets = st.none() | st.integers(0, 5)
by_cause = st.dictionaries(st.sampled_from(sorted(set(Cause) - FINAL)), budgets, max_size=4)
waits = st.floats(0, 1000)
policies = st.builds(
    RetryPolicy, retries=budgets, by_cause=by_cause, max_free=st.integers(0, 5), backoff_s=waits,
    backoff_max_s=waits, mem_factor=st.floats(1, 4), time_factor=st.floats(1, 4), tempfail_s=waits,
    abort_on=st.frozensets(st.integers(1, 80), max_size=3),
)  # fmt: skip
ends = st.tuples(causes, st.none() | st.integers(-64, 80))


@given(policies, st.lists(ends, max_size=60))
def test_no_cause_is_tried_again_beyond_its_budget(policy: RetryPolicy, story: list[tuple[Cause, int | None]]) -> None:
    charged: Counter[Cause] = Counter()
    free = 0
    for cause, returncode in story:
        decision = policy.decide(cause, returncode, charged, free)
        if decision.kind != "retry":
            continue
        assert cause not in FINAL
        assert returncode not in policy.abort_on
        assert decision.is_charged or cause in INFRASTRUCTURE
        charged[cause] += decision.is_charged
        free += not decision.is_charged
    assert free <= policy.max_free
    for cause, most in policy.by_cause.items():
        assert most is None or charged[cause] <= most
    others = sum(count for cause, count in charged.items() if cause not in policy.by_cause)
    assert policy.retries is None or others <= policy.retries


@given(policies, ends, st.integers(0, 200))
def test_waits_never_become_shorter_and_are_bounded(
    policy: RetryPolicy, end: tuple[Cause, int | None], made: int
) -> None:
    cause, returncode = end
    before, after = (policy.decide(cause, returncode, {cause: n}, n) for n in (made, made + 1))
    assert 0 <= before.delay_s <= policy.backoff_max_s
    if after.kind == "retry":
        assert before.kind == "retry", "what is allowed later was allowed before"
        assert before.delay_s <= after.delay_s


@given(policies, ends, st.integers(0, 5))
def test_more_is_given_of_what_ran_out_and_of_nothing_else(
    policy: RetryPolicy, end: tuple[Cause, int | None], made: int
) -> None:
    decision = policy.decide(*end, {end[0]: made}, made)
    is_retry = decision.kind == "retry"
    assert decision.mem_factor == (policy.mem_factor if is_retry and end[0] is Cause.OOM else 1)
    assert decision.time_factor == (policy.time_factor if is_retry and end[0] is Cause.TIMEOUT else 1)


@given(budgets, by_cause)
def test_what_is_written_is_read_back(retries: int | None, apart: dict[Cause, int | None]) -> None:
    policy = RetryPolicy(retries=retries, by_cause=apart)
    assert parse_retries(str(policy)) == policy
