"""The forecast against the truth: lists of runs played in virtual time, and asked about at many moments."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from runsemble.sched.forecast import Forecast

#: Shares of the whole time at which it is asked.
MOMENTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: The truth is meant to lie in the range in 75 to 80 of 100 cases at least; so few studies cannot tell more exactly.
ENOUGH = 0.7

#: How long run number `at` of `count` takes.
Length = Callable[[random.Random, int, int], float]
LENGTHS: dict[str, Length] = {
    "lognormal": lambda source, at, count: source.lognormvariate(0, 1),
    "exponential": lambda source, at, count: source.expovariate(1),
    "growing": lambda source, at, count: (1 + 3 * at / count) * source.uniform(0.8, 1.2),
    "bimodal": lambda source, at, count: source.choice([1, 1, 1, 10]) * source.uniform(0.9, 1.1),
    "uniform": lambda source, at, count: source.uniform(0, 2),
}


def play(lengths: Sequence[float], slots: int, overhead_s: float = 0.0) -> list[tuple[float, float]]:
    """Return when each run starts and ends if the next one always takes the slot that is free first."""
    free = [0.0] * slots
    runs = []
    for length in lengths:
        start = free[0] + overhead_s
        heapq.heapreplace(free, start + length)
        runs.append((start, start + length))
    return runs


def foretold(
    lengths: Sequence[float], slots: int, overhead_s: float = 0.0
) -> Iterator[tuple[float, tuple[float, float] | None]]:
    """Yield the true remaining time and what is foretold, at several moments of a study."""
    runs = play(lengths, slots, overhead_s)
    ended = sorted((end, end - start) for start, end in runs)
    over = ended[-1][0]
    forecast = Forecast()
    for share in MOMENTS:
        now = share * over
        while ended and ended[0][0] <= now:
            forecast.learn(ended.pop(0)[1])
        ages = [now - start for start, end in runs if start <= now < end]
        waiting = sum(start > now for start, _ in runs)
        yield over - now, forecast.remaining(waiting, ages, slots, now)


def share_of_hits(length: Length, per_slot: int, slots: Sequence[int], studies: int = 10) -> float:
    """Return how often the truth lies in the range, once something is known."""
    hits = []
    for seed in range(studies):
        for wide in slots:
            source, count = random.Random(seed), per_slot * wide
            lengths = [length(source, at, count) for at in range(count)]
            hits += [left[0] <= truth <= left[1] for truth, left in foretold(lengths, wide) if left is not None]
    return sum(hits) / len(hits)


@pytest.mark.parametrize("per_slot", [10, 30])
@pytest.mark.parametrize("kind", LENGTHS)
def test_the_truth_mostly_lies_in_the_range(kind: str, per_slot: int) -> None:
    is_noticed_late = kind == "growing" and per_slot == 10  # a trend shows only after some runs for each slot
    assert share_of_hits(LENGTHS[kind], per_slot, [4, 16]) >= (0.5 if is_noticed_late else ENOUGH)


@pytest.mark.parametrize("slots", [1, 4, 16, 64])
def test_runs_of_one_length_are_foretold_closely(slots: int) -> None:
    for truth, left in foretold([10.0] * (20 * slots), slots):
        assert left is not None
        assert left[0] <= truth <= left[1]
        assert left[1] - left[0] <= 0.1 * truth + 10


def test_what_it_costs_to_start_a_run_is_foretold_too() -> None:
    asked = list(foretold([0.1] * 400, 4, overhead_s=0.2))
    late = [(truth, left) for truth, left in asked[1:-1] if left is not None]
    assert len(late) == 8
    assert all(0.9 * left[0] <= truth <= 1.1 * left[1] for truth, left in late)


def test_the_range_becomes_narrower() -> None:
    source = random.Random(3)
    lengths = [source.lognormvariate(0, 0.5) for _ in range(1000)]
    widths = [left[1] - left[0] for _, left in foretold(lengths, 4) if left is not None]
    assert len(widths) == len(MOMENTS)
    assert widths[8] < widths[4] < widths[0]


def taught(*lengths: float) -> Forecast:
    forecast = Forecast()
    for length in lengths:
        forecast.learn(length)
    return forecast


def left_of(forecast: Forecast, waiting: int, ages_s: Sequence[float], slots: int) -> tuple[float, float]:
    left = forecast.remaining(waiting, ages_s, slots, 0.0)
    assert left is not None
    return left


def test_nothing_is_foretold_before_a_run_has_ended() -> None:
    assert Forecast().remaining(10, [1.0], 1, 1.0) is None


def test_where_nothing_is_left_it_takes_no_time() -> None:
    assert left_of(taught(1.0), 0, [], 1) == (0.0, 0.0)


def test_it_counts_what_it_has_learned() -> None:
    assert taught(*[1.0] * 1000).count == 1000


@pytest.mark.parametrize("slots", [0, 1, 1000])
def test_odd_numbers_of_slots_are_put_right(slots: int) -> None:
    low, high = left_of(taught(1.0, 1.1, 0.9), 2, [0.5], slots)
    assert 0 < low <= high < 10


def test_twice_as_many_runs_take_about_twice_as_long() -> None:
    forecast = taught(*[1.0, 1.2, 0.8, 1.1] * 20)
    once, twice = left_of(forecast, 200, [], 4), left_of(forecast, 400, [], 4)
    assert twice[0] > 1.7 * once[0]
    assert twice[1] > 1.7 * once[1]


def test_twice_as_many_slots_take_about_half_as_long() -> None:
    forecast = taught(*[1.0, 1.2, 0.8, 1.1] * 20)
    assert left_of(forecast, 400, [], 8)[1] < 0.6 * left_of(forecast, 400, [], 4)[1]


def test_the_last_run_ends_sooner_the_longer_it_has_run() -> None:
    forecast = taught(*[10.0] * 50)
    assert left_of(forecast, 0, [9.0], 1)[1] < left_of(forecast, 0, [1.0], 1)[0]


def test_a_run_that_is_longer_than_any_before_is_given_time_by_its_age() -> None:
    low, high = left_of(taught(*[1.0] * 50), 0, [100.0], 1)
    assert low < 100
    assert 50 < high <= 310


def test_runs_that_took_no_time_leave_no_time() -> None:
    assert left_of(taught(0.0, 0.0, 0.0), 100, [0.0], 2) == (0.0, 0.0)


def test_the_same_study_is_foretold_the_same() -> None:
    source = random.Random(4)
    lengths = [source.expovariate(1) for _ in range(500)]
    assert list(foretold(lengths, 4)) == list(foretold(lengths, 4))


@pytest.mark.parametrize("slots", [1, 16, 256])
def test_a_million_runs_to_come_are_foretold_from_many(slots: int) -> None:
    forecast = taught(*[1.0, 3.0] * 50_000)
    low, high = left_of(forecast, 1_000_000, [], slots)
    assert low <= 2 * 1_000_000 / slots <= high
