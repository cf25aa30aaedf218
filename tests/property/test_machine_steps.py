"""The state machine of a run of several steps, whatever is heard of it in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from runsemble.model.status import Cause, is_legal, is_terminal
from runsemble.sched.machine import RunMachine, Verdict
from runsemble.sched.retry import RetryPolicy

STEPS = 3
causes = st.sampled_from([Cause.OK, Cause.OK, Cause.OK, *Cause])
policies = st.builds(
    RetryPolicy,
    retries=st.integers(0, 3),
    max_free=st.integers(0, 3),
    by_cause=st.dictionaries(st.sampled_from([Cause.OOM, Cause.TIMEOUT, Cause.AGENT_LOST]), st.integers(0, 2)),
    abort_on=st.frozensets(st.integers(1, 3)),
)
#: What is heard: which attempt and step, seen from the current ones; the cause; the exit code.
offsets = st.sampled_from([(0, 0)] * 6 + [(0, 1), (0, -1), (1, 0), (-1, 0), (1, -1)])
news = st.lists(st.tuples(st.sampled_from(["start", "end", "end"]), offsets, causes, st.integers(0, 4)), max_size=60)
Story = list[tuple[str, tuple[int, int], Cause, int]]


def tell(run: RunMachine, item: tuple[str, tuple[int, int], Cause, int], policy: RetryPolicy) -> Verdict | bool:
    kind, (attempts, steps), cause, code = item
    attempt, step = run.attempt + attempts, run.step + steps
    if kind == "start":
        return run.start(attempt, step)
    return run.end(attempt, cause, policy, step, has_next=run.step + 1 < STEPS, returncode=code)


@given(news, policies)
def test_a_run_goes_on_only_from_step_to_step_and_from_attempt_to_attempt(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        before = (run.status, run.attempt, run.step)
        verdict = tell(run, item, policy)
        after = (run.status, run.attempt, run.step)
        assert before[0] == after[0] or is_legal(before[0], after[0])
        if verdict is Verdict.NEXT:
            assert after == ("pending", before[1], before[2] + 1)
        elif verdict is Verdict.RETRY:
            assert after == ("pending", before[1] + 1, before[2]), "another attempt begins at the step that failed"
        elif verdict is Verdict.DONE:
            assert is_terminal(after[0])
            assert after[1:] == before[1:]
        elif verdict is True:
            assert after == ("running", *before[1:])
        else:
            assert after == before


@given(news, policies)
def test_news_of_another_attempt_or_step_mean_nothing(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        verdict = tell(run, item, policy)
        if item[1] != (0, 0):
            assert verdict in (Verdict.STALE, False)


@given(news, policies)
def test_success_means_that_the_last_step_was_ok(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        tell(run, item, policy)
    if run.status == "success":
        assert (run.step, run.cause) == (STEPS - 1, Cause.OK)


@given(news, policies)
def test_a_run_is_given_up_only_for_an_exit_code_that_says_so(story: Story, policy: RetryPolicy) -> None:
    run = RunMachine()
    for item in story:
        if tell(run, item, policy) is Verdict.DONE and run.decision.kind == "aborted":
            assert item[3] in policy.abort_on
            assert (run.status, run.cause) == ("failure", Cause.ABORTED)


@given(news, policies, st.integers(1, 5), st.integers(0, STEPS - 1), st.booleans())
def test_a_run_that_is_taken_over_goes_on_where_it_stood(
    story: Story, policy: RetryPolicy, attempt: int, step: int, is_running: bool
) -> None:
    run = RunMachine()
    run.resume(attempt, step, is_running=is_running)
    assert run.status == ("running" if is_running else "pending")
    assert run.made == (attempt if is_running else attempt - 1)
    for item in story:
        tell(run, item, policy)
    assert run.attempt == attempt + sum(run.charged.values()) + run.free
    assert run.step >= step
