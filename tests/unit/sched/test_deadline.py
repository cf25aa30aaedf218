import pytest

from runsemble.model.resources import Shape
from runsemble.sched.deadline import ENOUGH, KEPT, Deadline

SHAPE = Shape(2)


def deadline(*durations_s: float) -> Deadline:
    """Return a deadline at 100 s that has learned of runs of one shape."""
    one = Deadline(100.0)
    for wall_s in durations_s:
        one.learn(SHAPE, wall_s)
    return one


def test_a_run_of_which_nothing_is_known_may_start_until_the_deadline() -> None:
    assert deadline().why_not(SHAPE, None, 99.9) is None
    assert deadline().why_not(SHAPE, None, 100.0) == "the deadline is over"
    assert deadline(*[0.0] * ENOUGH).why_not(SHAPE, 0.0, 101.0) == "the deadline is over"


def test_few_durations_say_nothing() -> None:
    assert deadline(*[500.0] * (ENOUGH - 1)).why_not(SHAPE, None, 0.0) is None


def test_a_run_is_judged_by_what_nine_in_ten_took() -> None:
    one = deadline(*[10.0] * 9, 60.0)
    assert one.why_not(SHAPE, None, 90.0) is None
    assert one.why_not(SHAPE, None, 91.5) == (
        "one run in ten with 2 cores took 10 s or longer, and the deadline is in 8.5 s"
    )


def test_a_run_is_judged_by_its_time_limit_as_long_as_few_have_ended() -> None:
    one = deadline(1.0)
    assert one.why_not(SHAPE, 20.0, 80.0) is None
    assert one.why_not(SHAPE, 250.0, 80.0) == "a run may take 250 s, and the deadline is in 20 s"


def test_no_run_needs_more_than_its_time_limit() -> None:
    assert deadline(*[50.0] * ENOUGH).why_not(SHAPE, 5.0, 94.0) is None


def test_shapes_are_judged_apart() -> None:
    assert deadline(*[90.0] * ENOUGH).why_not(Shape(1), None, 50.0) is None


@pytest.mark.parametrize(("first_s", "then_s", "may_start"), [(1.0, 90.0, False), (90.0, 1.0, True)])
def test_the_latest_runs_count(first_s: float, then_s: float, may_start: bool) -> None:
    one = deadline(*[first_s] * KEPT, *[then_s] * KEPT)
    assert (one.why_not(SHAPE, None, 50.0) is None) is may_start
