"""Several drivers of one ensemble, any of which is killed: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
import signal

import pytest

from ...integration.support import wait_until
from . import driver_points
from .conftest import StartParty
from .scene import Scene
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
        war.kill_at_random(war.random.choice(["driver", "driver", "agent"]), war.random.uniform(0.0, 0.8))
    tally = war.close()
    show(tally, capsys)
    assert tally.adopted + tally.spooled > 0


@pytest.mark.parametrize("point", ["guest joined", "guest told", "exit heard", "command committed", "after commit"])
def test_one_of_several_that_sleeps_for_too_long_does_no_harm_when_it_wakes(scene: Scene, point: str) -> None:
    assert scene.make(stretch=3.0) == 0
    how = {"lease_s": 1.0, "allow_multiple": True, "max_concurrency": 2}
    drivers = {scene.drive(**how)}
    wait_until("the first one drives", lambda: 5 in scene.counts)
    scene.fuse.arm(point, [], stop=True, count=2 if point == "exit heard" else 1)
    drivers.add(scene.drive(**how))
    asleep = scene.wait_asleep()
    (awake,) = drivers - {asleep}
    assert scene.wait(awake) == 0, scene.said
    os.kill(asleep, signal.SIGCONT)
    assert scene.wait(asleep) in (0, 3), scene.said
    scene.finish()
