"""The nursery, and campaigns that leave no process behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .campaign import Campaign
from .nest import Nest
from .party import Party
from .scene import Scene
from .tally import LEDGER

#: Kills from which on a session must have seen everything.
ENOUGH = 200

StartCampaign = Callable[..., Campaign]
StartParty = Callable[..., Party]


@pytest.fixture
def nest() -> Iterator[Nest]:
    """Return a nursery of drivers."""
    nest = Nest()
    yield nest
    nest.close()


@pytest.fixture
def campaign(nest: Nest, tmp_path: Path) -> Iterator[StartCampaign]:
    """Return a function that begins a campaign; see `Campaign`."""
    campaigns: list[Campaign] = []

    def start(**options: Any) -> Campaign:
        campaigns.append(Campaign(nest, str(tmp_path / f"c{len(campaigns)}"), **options))
        return campaigns[-1]

    yield start
    for one in campaigns:
        one.abandon()


@pytest.fixture
def party(nest: Nest, tmp_path: Path) -> Iterator[StartParty]:
    """Return a function that begins a party; see `Party`."""
    parties: list[Party] = []

    def start(**options: Any) -> Party:
        parties.append(Party(nest, str(tmp_path / f"p{len(parties)}"), **options))
        return parties[-1]

    yield start
    for one in parties:
        one.abandon()


@pytest.fixture
def scene(nest: Nest, tmp_path: Path) -> Iterator[Scene]:
    """Return an ensemble, not yet made."""
    scene = Scene(nest, str(tmp_path / "scene"))
    yield scene
    scene.close()


@pytest.fixture(scope="session", autouse=True)
def ledger() -> Iterator[None]:
    """Fail the session if all those kills have left one way of going on untried."""
    yield
    if LEDGER.kills.total() >= ENOUGH:
        assert LEDGER.adopted > 0, LEDGER
        assert LEDGER.spooled > 0, LEDGER
        assert LEDGER.requeued > 0, LEDGER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LEDGER.kills:
        terminalreporter.write_line(f"fault suite: {LEDGER}")
