import pytest

from runsemble.model.resources import Shape
from runsemble.sched.tempo import (
    AHEAD_BELOW_S,
    AHEAD_S,
    MOST_AGENTS,
    MOST_CALL_AGENTS,
    RELIEF_AFTER,
    Tempo,
)  # fmt: skip

ONE, TWO = Shape(1), Shape(2)


def tempo_of(wall_s: float, runs: int = 1) -> Tempo:
    tempo = Tempo()
    for _ in range(runs):
        tempo.learn(ONE, wall_s)
    return tempo


def test_nothing_is_sent_ahead_before_anything_is_known() -> None:
    assert Tempo().ahead(ONE, leases=4, most=100) == 0


def test_long_runs_are_not_sent_ahead() -> None:
    assert tempo_of(AHEAD_BELOW_S).ahead(ONE, leases=4, most=100) == 0


def test_as_many_short_runs_are_sent_ahead_as_keep_the_leases_busy() -> None:
    assert tempo_of(AHEAD_S / 5).ahead(ONE, leases=2, most=100) == 10


@pytest.mark.parametrize("wall_s", [0.0, -1.0, 1e-9])
def test_no_more_than_the_share_is_sent_ahead(wall_s: float) -> None:
    assert tempo_of(wall_s).ahead(ONE, leases=2, most=100) == 100


def test_nothing_is_sent_ahead_without_a_lease_to_inherit() -> None:
    assert tempo_of(0.0).ahead(ONE, leases=0, most=100) == 0


def test_every_shape_has_a_tempo_of_its_own() -> None:
    tempo = tempo_of(0.001)
    tempo.learn(TWO, 10.0)
    assert tempo.ahead(ONE, leases=1, most=100) > 0
    assert tempo.ahead(TWO, leases=1, most=100) == 0


def agents(
    wall_s: float, slots: int, *, cores: int | None = None, are_calls: bool = False, are_pinned: bool = True
) -> int:
    cores = slots if cores is None else cores
    return tempo_of(wall_s).agents(ONE, slots, cores, are_calls=are_calls, are_pinned=are_pinned)


@pytest.mark.parametrize(
    ("wall_s", "slots", "count"),
    [
        (0.001, 2, 2),
        (0.03, 2, 2),
        (0.04, 2, 1),
        (0.025, 16, 12),  # 640 starts a second, of which an agent that waits for its time slices can do some 250
        (0.1, 16, 3),
        (1.0, 16, 1),
        (1.0, 128, 3),
        (10.0, 128, 1),
    ],
)
def test_it_takes_more_agents_the_more_starts_there_are(wall_s: float, slots: int, count: int) -> None:
    assert agents(wall_s, slots) == count


def test_an_agent_that_need_not_wait_for_its_runs_starts_more_of_them() -> None:
    assert agents(0.025, 16) == 12
    assert agents(0.025, 16, are_pinned=False) == 2
    assert agents(0.025, 16, are_calls=True) == 3


@pytest.mark.parametrize("wall_s", [-1.0, 0.0, 0.001])
def test_there_are_never_more_agents_than_runs_or_than_a_driver_can_keep_busy(wall_s: float) -> None:
    assert agents(wall_s, 1) == 1
    assert agents(wall_s, 3) == 3
    assert 2 <= agents(wall_s, 10_000) <= MOST_AGENTS
    assert agents(wall_s, 10_000, are_calls=True) == MOST_CALL_AGENTS


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_there_are_never_more_agents_than_cores(cores: int) -> None:
    assert agents(0.001, 100, cores=cores) == agents(0.001, 100, cores=cores, are_calls=True) == cores


def test_one_agent_is_enough_for_runs_of_which_nothing_is_known() -> None:
    assert Tempo().agents(ONE, 16, 16, are_calls=False, are_pinned=True) == 1


def test_the_number_of_agents_is_judged_now_and_then() -> None:
    tempo = Tempo()
    judged = []
    for number in range(1, 2 * RELIEF_AFTER + 1):
        tempo.learn(ONE, 0.001)
        if tempo.is_time_to_judge:
            judged.append(number)
    assert judged == [RELIEF_AFTER, 2 * RELIEF_AFTER]
