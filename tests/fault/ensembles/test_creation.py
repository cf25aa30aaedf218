"""An ensemble that is killed while it is made: it is there whole, or can be made anew."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import LeaseError, StoreError

from .driver_points import CREATION_POINTS
from .scene import Scene
from .test_kills import ROUNDS

#: Where an ensemble is whole already.
WHOLE = ("ensemble made",)


@pytest.mark.parametrize("point", CREATION_POINTS)
def test_an_ensemble_killed_while_it_is_made_is_there_whole_or_can_be_made_anew(scene: Scene, point: str) -> None:
    for _ in range(ROUNDS):
        scene.fuse.arm(point, ["driver"])
        assert scene.make() == -9
        if point in WHOLE:
            assert asyncio.run(Ensemble.exists(scene.directory))
            assert len(asyncio.run(Ensemble(scene.directory).filter_by_status("pending"))) == 12
        else:
            assert not asyncio.run(Ensemble.exists(scene.directory))
        remake(scene)
        assert asyncio.run(Ensemble(scene.directory).counts())["pending"] == 2
        asyncio.run(Ensemble.clear(scene.directory))
    assert scene.make() == 0
    scene.finish()


def remake(scene: Scene) -> None:
    """Make another ensemble in the place of what was left."""
    if os.path.isdir(scene.directory) and not os.listdir(scene.directory):
        Path(scene.directory).rmdir()  # as its creator was told to
    asyncio.run(Ensemble.create_overwrite(scene.directory, runs=[{}, {}], cmd=["true"]))


def test_half_an_ensemble_is_not_driven(scene: Scene) -> None:
    scene.fuse.arm("runs written", ["driver"])
    assert scene.make() == -9
    with pytest.raises(StoreError, match="was not made to its end: remove it, or make it anew"):
        asyncio.run(Ensemble.open(scene.directory))
    assert scene.drive_to_end() == 3
    assert "was not made to its end" in scene.said


def test_making_one_with_resume_begins_anew_where_only_half_of_one_is(scene: Scene) -> None:
    scene.fuse.arm("runs written", ["driver"])
    assert scene.make() == -9
    ensemble = asyncio.run(Ensemble.create_resume(scene.directory, runs=[{}], cmd=["true"]))
    assert asyncio.run(ensemble.counts())["pending"] == 1


def test_an_ensemble_that_is_being_made_is_not_cleared_away(scene: Scene) -> None:
    scene.fuse.arm("runs written", [], stop=True)
    maker = scene._fork("make", {"count": 12})
    scene.wait_fired()
    with pytest.raises(LeaseError, match="is being driven by"):
        asyncio.run(Ensemble.create_resume(scene.directory, runs=[{}], cmd=["true"]))
    os.kill(maker, 18)
    assert scene.wait(maker) == 0
    scene.finish()
