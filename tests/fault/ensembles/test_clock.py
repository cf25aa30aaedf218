"""A clock that is set back and forth while an ensemble is driven."""

from __future__ import annotations

import pytest

from .scene import Scene

DAY_S = 86_400.0


@pytest.mark.parametrize("jump_s", [DAY_S, 50 * 365 * DAY_S])
def test_a_clock_that_jumps_changes_nothing(scene: Scene, jump_s: float) -> None:
    assert scene.make() == 0
    scene.fuse.arm("after commit", ["driver"], count=2)
    assert scene.drive_to_end(clock_jumps_s=jump_s) == -9
    scene.finish(clock_jumps_s=jump_s)


def test_a_driver_whose_clock_differs_does_not_take_a_living_ones_lease(scene: Scene) -> None:
    assert scene.make() == 0
    scene.fuse.arm("exit heard", [], stop=True)
    first = scene.drive()
    scene.wait_asleep()
    assert scene.drive_to_end(clock_jumps_s=DAY_S) == 3
    assert f"is being driven by process {first} on " in scene.said
