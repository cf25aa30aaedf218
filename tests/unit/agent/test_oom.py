import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runsemble.agent.oom import RAISE, OomScore

SCORE = Path("/proc/self/oom_score_adj")


@pytest.fixture
def score() -> Iterator[OomScore]:
    score = OomScore()
    yield score
    score.close()


def test_the_score_is_raised_for_the_children_and_lowered_again(score: OomScore) -> None:
    own = int(SCORE.read_text())
    score.raise_()
    score.raise_()
    raised = int(SCORE.read_text())
    score.lower()
    assert (raised, int(SCORE.read_text())) == (min(1000, own + RAISE), own)


def test_lowering_what_was_never_raised_changes_nothing(score: OomScore) -> None:
    own = SCORE.read_text()
    score.lower()
    assert SCORE.read_text() == own


def test_where_there_is_no_such_score_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SCORE.read_text()

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    score = OomScore()
    monkeypatch.undo()
    score.raise_()
    score.lower()
    assert SCORE.read_text() == own
