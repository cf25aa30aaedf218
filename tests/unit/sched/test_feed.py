import pytest

from runsemble.sched.feed import MAX_CLAIM, MAX_LAG, to_admit, to_claim, to_hand_over, window


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


def test_a_guest_asks_for_one_run_per_slot_more_than_it_runs() -> None:
    assert to_claim(2, 0, 0) == 2
    assert to_claim(2, 0, 1) == 1
    assert to_claim(2, 0, 5) == 0


def test_a_guest_whose_runs_are_short_asks_for_more_each_time_up_to_a_limit() -> None:
    assert to_claim(2, 10, 0) == 22
    assert to_claim(2, 10_000, 0) == MAX_CLAIM


@pytest.mark.parametrize(
    ("asked", "waiting", "drivers", "given"), [(50, 40, 2, 20), (3, 40, 2, 3), (5, 1, 2, 1), (5, 0, 2, 0), (9, 7, 3, 3)]
)
def test_a_guest_gets_no_more_than_leaves_as_much_for_the_others(
    asked: int, waiting: int, drivers: int, given: int
) -> None:
    assert to_hand_over(asked, waiting, drivers) == given
