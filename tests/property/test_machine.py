from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.status import STATUSES, Cause, RunStatus, is_legal, is_terminal
from runsemble.sched.machine import RunMachine, Verdict
from runsemble.sched.retry import RetryPolicy

causes = st.sampled_from(Cause)
policies = st.builds(RetryPolicy, retries=st.integers(0, 3), max_free=st.integers(0, 3))
#: What is heard of an attempt: when it starts, why it ends, or why the run is given up; in any order, twice, late.
starts = st.tuples(st.just("start"), st.integers(-1, 9), causes)
ends = st.tuples(st.just("end"), st.integers(-1, 9), causes)
skips = st.tuples(st.just("skip"), st.just(0), causes)
news = st.lists(starts | ends | ends | skips, max_size=30)
#: News of the attempt that is current when they are heard, so that long stories happen as well.
current = st.lists(st.tuples(st.sampled_from(["start", "end"]), st.none(), causes), max_size=30)
stories = st.tuples(news, current, news).map(lambda parts: [item for part in parts for item in part])

Story = list[tuple[str, int | None, Cause]]


def hear(run: RunMachine, item: tuple[str, int | None, Cause], policy: RetryPolicy) -> bool:
    """Tell a run something; return whether it was news."""
    kind, attempt, cause = item
    attempt = run.attempt if attempt is None else attempt
    if kind == "start":
        return run.start(attempt)
    if kind == "end":
        return run.end(attempt, cause, policy) is not Verdict.STALE
    return run.skip(cause)


@given(stories, policies)
def test_only_legal_transitions_happen(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        before: RunStatus = run.status
        hear(run, item, policy)
        assert run.status in STATUSES
        assert run.status == before or is_legal(before, run.status)


@given(stories, policies)
def test_nothing_changes_after_the_end(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    at_the_end = None
    for item in story:
        was_news = hear(run, item, policy)
        now = (run.status, run.attempt, run.charged, run.free, run.cause)
        if at_the_end is not None:
            assert not was_news
            assert now == at_the_end
        elif is_terminal(run.status):
            at_the_end = now


@given(stories, policies)
def test_the_number_of_attempts_is_bounded_by_the_policy(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        hear(run, item, policy)
    charged = sum(run.charged.values())
    assert policy.retries is not None
    assert charged <= policy.retries
    assert run.free <= policy.max_free
    assert run.attempt == 1 + charged + run.free


@given(stories, policies)
def test_what_is_heard_twice_counts_once(story: Story, policy: RetryPolicy) -> None:
    once, twice = RunMachine(), RunMachine()
    for kind, attempt, cause in story:
        item = (kind, once.attempt if attempt is None else attempt, cause)
        hear(once, item, policy)
        hear(twice, item, policy)
        assert not hear(twice, item, policy)
    assert once == twice


@given(stories, policies)
def test_success_means_that_the_last_attempt_was_ok(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        hear(run, item, policy)
    assert (run.status == "success") == (run.cause is Cause.OK and run.status != "skipped")


@given(policies, st.lists(causes, min_size=20, max_size=20))
def test_a_run_whose_attempts_keep_ending_comes_to_an_end(policy: RetryPolicy, ends: list[Cause]) -> None:
    run = RunMachine()
    for cause in ends:
        run.start(run.attempt)
        run.end(run.attempt, cause, policy)
    assert is_terminal(run.status)
