import pytest

from runsemble.sched.feed import MAX_LAG, to_admit, window


@pytest.mark.parametrize(("slots", "runs"), [(1, 34), (64, 160)])
def test_the_window_is_two_runs_per_slot_and_some(slots: int, runs: int) -> None:
    assert window(slots) == runs


def test_the_window_is_filled_and_no_further() -> None:
    assert to_admit(2, 0, 0) == window(2)
    assert to_admit(2, window(2) - 3, 0) == 3
    assert to_admit(2, window(2), 0) == 0


def test_a_window_that_is_overfull_admits_nothing() -> None:
    assert to_admit(2, window(2) + 5, 0) == 0


def test_a_subscriber_that_falls_behind_stops_the_intake() -> None:
    assert to_admit(2, 0, MAX_LAG) > 0
    assert to_admit(2, 0, MAX_LAG + 1) == 0
