import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runsemble.agent import place


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep agents in a directory of the test's own."""
    monkeypatch.setattr(place, "ROOT", str(tmp_path / "runsemble-{uid}"))
    root = place.root()
    yield tmp_path
    shutil.rmtree(root, ignore_errors=True)


def test_a_place_is_closed_to_others() -> None:
    made = place.make_place()
    assert stat.S_IMODE(os.stat(made).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.dirname(made)).st_mode) == 0o700


def test_every_agent_has_a_place_of_its_own() -> None:
    assert place.make_place() != place.make_place()


def test_the_socket_of_an_agent_has_a_short_enough_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    longest = place.socket_path(os.path.join(place.ROOT.format(uid=2**32 - 1), "0" * 12))
    assert len(longest) < 107


def test_a_place_below_an_open_directory_is_refused() -> None:
    os.mkdir(place.root(), 0o700)
    os.chmod(place.root(), 0o755)
    with pytest.raises(place.UnsafePlace, match="chmod 700"):
        place.make_place()


def test_a_place_below_a_link_is_refused(home: Path) -> None:
    (home / "elsewhere").mkdir(mode=0o700)
    os.symlink(home / "elsewhere", place.root())
    with pytest.raises(place.UnsafePlace, match="must be a directory"):
        place.make_place()


def test_a_place_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = place.make_place()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(place.UnsafePlace, match=f"belongs to user {owner}"):
        place.check(made)
