import pytest

from runsemble.model.resources import Shape
from runsemble.sched.tempo import AHEAD_BELOW_S, AHEAD_S, RELIEF_AFTER, RELIEF_BELOW_S, Tempo

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


def test_a_second_agent_pays_for_many_short_runs() -> None:
    assert tempo_of(0.001, runs=RELIEF_AFTER).wants_relief(ONE)


@pytest.mark.parametrize(("wall_s", "runs"), [(0.001, RELIEF_AFTER - 1), (RELIEF_BELOW_S, RELIEF_AFTER)])
def test_a_second_agent_does_not_pay_for_few_or_long_runs(wall_s: float, runs: int) -> None:
    assert not tempo_of(wall_s, runs).wants_relief(ONE)
