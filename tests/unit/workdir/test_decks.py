"""Decks of a study: read when a run needs them, and again when they have changed."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from runsemble.errors import TemplateError
from runsemble.workdir.decks import DeckFile, Engine
from runsemble.workdir.templates import filled_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    deck = tmp_path / "deck.in"
    deck.write_text("%%x%% %%themis_launch%%")
    deck.chmod(0o750)
    return deck


@pytest.mark.parametrize("engine", ["jinja", "tokens"])
def test_a_deck_is_filled_in_with_the_mode_of_its_file(path: Path, engine: Engine) -> None:
    deck = DeckFile(str(path), engine, {"themis_launch": "srun"})
    assert deck.render({"x": 5}) == ("deck.in", "5 srun", 0o750)
    again = filled_file(json.loads(json.dumps(deck.as_recipe())))
    assert (again.name, again.render({"x": 5})) == ("deck.in", deck.render({"x": 5}))


def test_a_deck_is_what_its_file_is_by_then(path: Path) -> None:
    deck = DeckFile(str(path), "tokens")
    assert deck.render({"x": 5})[1] == "5 %%themis_launch%%"
    path.write_text("now %%x%%")
    assert deck.render({"x": 6})[1] == "now 6"
    os.unlink(path)
    with pytest.raises(TemplateError, match=r"deck\.in cannot be read: No such file"):
        deck.render({"x": 5})


def test_a_warning_is_logged_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deck = DeckFile(str(path), "jinja")
    with caplog.at_level(logging.WARNING, "runsemble"):
        assert [deck.render({"x": x})[1] for x in (1, 2)] == ["1 ", "2 "]
    assert caplog.text.count("there is no value for 'themis_launch'") == 1
