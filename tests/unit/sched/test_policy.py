import pytest

from runsemble.errors import RequestError
from runsemble.model.stats import RunStatistics
from runsemble.sched.policy import AbortPolicy, parse_halt


def ended(good: int = 0, bad: int = 0) -> RunStatistics:
    return RunStatistics(success_count=good, failure_count=bad, complete_count=good + bad, total_count=good + bad)


@pytest.mark.parametrize(("failures", "given_up"), [(0, False), (2, False), (3, True)])
def test_a_study_is_given_up_when_more_fail_than_allowed(failures: int, given_up: bool) -> None:
    halt = AbortPolicy.of(2, None).verdict(ended(bad=failures), None)
    assert (halt is not None) is given_up
    assert halt is None or halt.reason(ended(bad=3)) == "3 runs failed, more than the 2 that are put up with"


def test_no_failure_at_all_can_be_asked_for() -> None:
    assert AbortPolicy.of(0, None).verdict(ended(bad=1), None)
    assert not AbortPolicy.of(0, None).verdict(ended(good=1), None)


def test_any_number_of_failures_is_put_up_with_by_default() -> None:
    assert AbortPolicy.of(None, None).verdict(ended(bad=10**4), None) is None


@pytest.mark.parametrize(
    ("text", "good", "bad", "total", "given_up"),
    [
        ("soon,fail=3", 9, 2, 100, False),
        ("soon,fail=3", 0, 3, 100, True),
        ("now,success=1", 0, 50, 100, False),
        ("now,success=1", 1, 0, 100, True),
        ("soon,done=5", 3, 2, 100, True),
        ("soon,fail=3%", 0, 2, 100, False),
        ("soon,fail=3%", 0, 3, 100, True),
        ("3%", 0, 3, 100, True),
        ("1", 0, 1, 100, True),
        ("-2", 1, 0, 100, True),
        ("never", 0, 100, 100, False),
        # of nobody knows how many: a share of those that ended, from the third on
        ("soon,fail=10%", 0, 2, None, False),
        ("soon,fail=10%", 27, 3, None, True),
        ("soon,fail=10%", 28, 3, None, False),
    ],
)
def test_a_study_is_given_up_as_gnu_parallel_would(
    text: str, good: int, bad: int, total: int | None, given_up: bool
) -> None:
    assert bool(AbortPolicy.of(None, text).verdict(ended(good, bad), total)) is given_up


@pytest.mark.parametrize(
    "text", ["", "soon", "later,fail=1", "now,fail", "soon,fail=0", "now,fail=101%", "soon,fail=-1"]
)
def test_a_halt_that_cannot_be_read_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(RequestError, match="such as soon,fail=3"):
        parse_halt(text)
