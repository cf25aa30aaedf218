"""The control: a driver without discipline must not pass, or the suite would prove nothing."""

from __future__ import annotations

import pytest

from .campaign import Campaign
from .conftest import StartCampaign
from .verdict import Broken


def kill_after_acknowledgements(war: Campaign) -> None:
    for _ in range(5):
        war.kill_at("ack sent", ["driver"])
        war.finish()


def test_a_driver_that_acknowledges_before_it_commits_is_found_out(campaign: StartCampaign) -> None:
    war = campaign(driven={"acknowledges_early": True})
    with pytest.raises(Broken, match=r"attempts were lost|was begun 2 times|is not on record"):
        kill_after_acknowledgements(war)


def test_the_same_kills_do_no_harm_to_a_driver_that_commits_first(campaign: StartCampaign) -> None:
    war = campaign()
    kill_after_acknowledgements(war)
    assert war.close().kills["ack sent"] == 5
