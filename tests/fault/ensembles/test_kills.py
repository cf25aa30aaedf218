"""Drivers and agents that are killed at every fault point, and at random: nothing is lost, nothing is done twice."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from . import agent_points, driver_points
from .campaign import Campaign
from .conftest import StartCampaign
from .tally import Tally

#: How many times as many kills as in CI.
TIMES = int(os.environ.get("RUNSEMBLE_FAULT_TIMES", "1"))
#: Kills at every fault point.
ROUNDS = 5 * TIMES
#: Whom to kill, in turn: mostly the one who reaches the point.
TURNS = (False, False, True, False, True)

pytestmark = pytest.mark.timeout(900 * TIMES)


def rounds_of(role: str) -> Iterator[tuple[int, list[str]]]:
    """Yield for each round at the how many-th time to kill at a point, and whom."""
    for turn in range(ROUNDS):
        yield 1 + turn % 4, ["driver", "agent"] if TURNS[turn % len(TURNS)] else [role]


def show(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    """Print what came of a campaign, whether or not the test passes."""
    with capsys.disabled():
        print(f"\n  {tally}")  # noqa: T201 - the figures are what the suite is for


def at_every_point(war: Campaign, points: tuple[str, ...], role: str) -> None:
    for count, kill in rounds_of(role):
        for point in points:
            war.kill_at(point, kill, count)


@pytest.mark.parametrize("steps", [1, 2])
def test_drivers_killed_at_every_durable_event_lose_and_repeat_nothing(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    war = campaign(made={"steps": steps}, seed=steps)
    at_every_point(war, driver_points.POINTS, "driver")
    tally = war.close()
    show(tally, capsys)
    assert tally.spooled > 0
    assert tally.requeued > 0


def test_drivers_killed_while_they_take_runs_over_lose_and_repeat_nothing(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(made={"stretch": 5.0}, seed=7)
    for _, kill in rounds_of("driver"):
        for point in driver_points.ADOPTION_POINTS:
            war.kill_at(point, kill, first=("run sent", ["driver"], 2))
    tally = war.close()
    show(tally, capsys)
    assert tally.adopted > 0


def test_drivers_killed_while_they_begin_leave_nothing_behind(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(made={"count": 24})
    for count, kill in rounds_of("driver"):
        for point in driver_points.FIRST_POINTS:
            war.kill_at(point, kill, min(count, 1))
    show(war.close(), capsys)


def test_drivers_killed_at_the_end_of_an_ensemble_leave_nothing_behind(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(made={"count": 3})
    for _, kill in rounds_of("driver"):
        for point in driver_points.LAST_POINTS:
            war.kill_at(point, kill)
    show(war.close(), capsys)


def test_drivers_killed_amid_commands_carry_each_out_once(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(seed=3)
    for _, kill in rounds_of("driver"):
        for command in ("add", "requeue", "kill"):
            for point in driver_points.COMMAND_POINTS:
                war.kill_at(point, kill, command=command)
            war.finish()
    show(war.close(), capsys)


@pytest.mark.parametrize("keep", ["failed", "none"])
def test_drivers_killed_while_they_remove_directories_lose_nothing_and_leave_none(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str], keep: str
) -> None:
    war = campaign(made={"keep": keep}, seed=8)
    for _, kill in rounds_of("driver"):
        for point in driver_points.REMOVAL_POINTS:
            war.kill_at(point, kill)
    show(war.close(), capsys)


def test_agents_killed_at_every_durable_event_lose_and_repeat_nothing(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(seed=4)
    at_every_point(war, agent_points.POINTS, "agent")
    tally = war.close()
    show(tally, capsys)
    assert tally.requeued > 0


def test_agents_killed_at_the_end_leave_nothing_behind(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(made={"count": 3})
    for _, kill in rounds_of("agent"):
        for point in agent_points.LAST_POINTS:
            war.kill_at(point, kill)
    show(war.close(), capsys)


def test_agents_killed_while_they_clear_up_after_another_one_are_cleared_up_after(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str]
) -> None:
    war = campaign(seed=5)
    for _, kill in rounds_of("agent"):
        for point in agent_points.RECOVERY_POINTS:
            war.kill_at(point, kill, first=("pid written", ["driver", "agent"], 2))
    show(war.close(), capsys)


@pytest.mark.parametrize("orphans", ["finish", "kill"])
def test_drivers_and_agents_killed_at_random_lose_and_repeat_nothing(
    campaign: StartCampaign, capsys: pytest.CaptureFixture[str], orphans: str
) -> None:
    war = campaign(made={"steps": 2}, driven={"orphans": orphans}, seed=6)
    victims = (["driver"], ["driver"], ["agent"], ["driver", "agent"])
    for turn in range(20 * TIMES):
        war.kill_at_random(victims[turn % len(victims)], war.random.uniform(0.0, 0.8))
    tally = war.close()
    show(tally, capsys)
    assert tally.kills["at random"] > 0
