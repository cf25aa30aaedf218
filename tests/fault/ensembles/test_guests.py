"""Several drivers of one ensemble, any of which is killed: nothing is lost, nothing is done twice."""

from __future__ import annotations

import pytest

from . import driver_points
from .conftest import StartParty
from .test_kills import TIMES, show

pytestmark = pytest.mark.timeout(900 * TIMES)


def test_guests_and_drivers_killed_at_every_durable_event_lose_and_repeat_nothing(
    party: StartParty, capsys: pytest.CaptureFixture[str]
) -> None:
    war = party(seed=1)
    for turn in range(2 * TIMES):
        for point in driver_points.GUEST_POINTS:
            war.kill_at(point, ["driver"] if turn % 4 == 3 else ["self"], 1 + turn % 3)
    show(war.close(), capsys)


@pytest.mark.parametrize(
    ("first", "points"),
    [("command committed", driver_points.HEIR_POINTS), ("guest told", driver_points.MOURNING_POINTS)],
    ids=["of drivers", "of guests"],
)
def test_heirs_killed_while_they_take_over_leave_it_to_others(
    party: StartParty, capsys: pytest.CaptureFixture[str], first: str, points: tuple[str, ...]
) -> None:
    war = party(made={"stretch": 3.0}, seed=2)
    for _ in range(TIMES):
        for point in points:
            war.kill_at(point, first=(first, 5))
    show(war.close(), capsys)


def test_guests_killed_as_they_leave_are_seen_off(party: StartParty, capsys: pytest.CaptureFixture[str]) -> None:
    war = party(made={"count": 8}, seed=3)
    for _ in range(TIMES):
        for point in driver_points.PARTING_POINTS:
            war.kill_at(point)
            war.finish()
    show(war.close(), capsys)


def test_guests_and_drivers_killed_at_random_lose_and_repeat_nothing(
    party: StartParty, capsys: pytest.CaptureFixture[str]
) -> None:
    war = party(made={"steps": 2, "count": 40}, seed=4)
    for _ in range(12 * TIMES):
        war.kill_at_random(war.random.uniform(0.0, 0.8))
    tally = war.close()
    show(tally, capsys)
    assert tally.kills["at random"] > 0
