"""Two drivers of one ensemble: there is one at a time, and one that overslept does no harm."""

from __future__ import annotations

import os
import re
import signal
import socket

import pytest

from runsemble.testing import faults

from .scene import Scene

#: Seconds after which a lease that is not renewed expires.
LEASE_S = 1.0


def test_a_second_driver_is_told_who_drives_where_and_since_when(scene: Scene) -> None:
    assert scene.make() == 0
    scene.fuse.arm("exit heard", [], stop=True)
    first = scene.drive()
    scene.wait_asleep()
    assert scene.drive_to_end() == 3
    host = re.escape(socket.gethostname())
    words = f"is being driven by process {first} on {host}, since \\d{{4}}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d"
    assert re.fullmatch(f"LeaseError: the study in {re.escape(scene.directory)} {words}\n", scene.said)
    os.kill(first, signal.SIGCONT)
    assert scene.wait(first) == 0
    scene.finish()


@pytest.mark.parametrize(
    "point",
    ["lease taken", "place recorded", "agent started", "hello sent", "agent settled", "run sent", "exit arrived",
     "exit heard", "before commit", "after commit", "ack queued", "ack sent", "before bye", "before release"],
)  # fmt: skip
def test_a_driver_that_sleeps_past_its_lease_does_no_harm_when_it_wakes(scene: Scene, point: str) -> None:
    assert scene.make() == 0
    scene.fuse.arm(point, [], stop=True)
    old = scene.drive(lease_s=LEASE_S)
    scene.wait_asleep()
    scene.fuse.arm("after commit", [], stop=True)  # the new one has something to do yet when the old one wakes
    new = scene.drive(lease_s=LEASE_S, patience_s=20.0)
    has_more = point not in ("before bye", "before release")
    if not has_more:
        assert scene.wait(new) == 0
        os.kill(old, signal.SIGCONT)
    else:
        scene.wait_fired()
        os.kill(old, signal.SIGCONT)
    status = scene.wait(old)
    if new in faults.members("driver", scene.home):
        os.kill(new, signal.SIGCONT)
        assert scene.wait(new) == 0
    assert status == 3 or not has_more, scene.said
    told = [line for line in scene.said.splitlines() if line]
    assert len(told) <= 1, told
    assert all("another driver has taken over" in line for line in told)
    scene.finish()
