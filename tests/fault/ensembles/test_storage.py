"""Disks and files that fail an ensemble: each is told in a sentence, and nothing is lost that was there."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from runsemble.store.file import store_path
from runsemble.testing import faults

from ...integration.support import processes_of, wait_until
from .campaign import SLOTS
from .nest import Nest
from .scene import Scene
from .verdict import check_always

#: Size of a disk that can be filled, in KiB.
DISK_KIB = 2048


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small file system, where that is permitted."""
    disk = tmp_path / "scene" / "disk"
    disk.mkdir(parents=True)
    mount = shutil.which("mount")
    if os.getuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True, capture_output=True)


@pytest.fixture
def scene_on_disk(disk: Path, nest: Nest, tmp_path: Path) -> Iterator[Scene]:
    """Return an ensemble on the small disk; what the test keeps of it is on another one."""
    scene = Scene(nest, str(tmp_path / "scene"))
    yield scene
    scene.close()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True, capture_output=True)


def fill(disk: Path) -> Path:
    """Fill a disk up to the last block; return the file that does it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return ballast


@pytest.mark.parametrize("point", ["run sent", "exit heard", "before commit", "exit spooled", "intent written"])
def test_a_disk_that_fills_up_is_waited_for_and_nothing_is_lost(disk: Path, scene_on_disk: Scene, point: str) -> None:
    scene = scene_on_disk
    assert scene.make() == 0
    scene.fuse.arm(point, [], stop=True)
    driver = scene.drive(shows=True)
    scene.wait_fired()
    stopped = [pid for role in ("driver", "agent") for pid in faults.members(role, scene.home)]
    ballast = fill(disk)
    for pid in stopped:
        os.kill(pid, 18)
    wait_until("it is told", lambda: "disk is full" in scene.said)
    ballast.unlink()
    assert scene.wait(driver) == 0, scene.said
    scene.finish()


def test_a_driver_killed_on_a_full_disk_loses_nothing(disk: Path, scene_on_disk: Scene) -> None:
    scene = scene_on_disk
    assert scene.make() == 0
    scene.fuse.arm("exit heard", [], stop=True)
    driver = scene.drive()
    scene.wait_fired()
    ballast = fill(disk)
    os.kill(driver, 18)
    wait_until("it is told", lambda: "the disk is full" in scene.said)
    os.kill(driver, 9)
    assert scene.wait(driver) == -9
    ballast.unlink()
    scene.finish()


def test_an_agent_that_dies_while_the_disk_is_full_is_replaced_when_there_is_space(
    disk: Path, scene_on_disk: Scene
) -> None:
    scene = scene_on_disk
    assert scene.make() == 0
    scene.fuse.arm("exit heard", [], stop=True)
    driver = scene.drive(shows=True, gives_up=True)
    scene.wait_fired()
    ballast = fill(disk)
    for agent in faults.members("agent", scene.home):
        os.kill(agent, 9)
    os.kill(driver, 18)
    wait_until("it is told", lambda: "disk is full" in scene.said)
    ballast.unlink()
    assert scene.wait(driver) == 0, scene.said
    scene.finish(lost_at_most=SLOTS)


def test_a_read_only_directory_is_told_and_later_the_ensemble_goes_on(disk: Path, scene_on_disk: Scene) -> None:
    scene = scene_on_disk
    assert scene.make() == 0
    remount(disk, "ro")
    try:
        assert scene.drive_to_end() == 3
    finally:
        remount(disk, "rw")
    (line,) = scene.said.splitlines()
    assert line.startswith(f"StoreError: {store_path(scene.directory)} cannot be written")
    scene.finish()


def test_a_directory_that_vanishes_ends_its_driver_and_its_runs(scene: Scene) -> None:
    assert scene.make(stretch=3.0) == 0
    scene.fuse.arm("exit heard", [], count=2, stop=True)
    driver = scene.drive()
    scene.wait_fired()
    shutil.rmtree(scene.directory)
    os.kill(driver, 18)
    assert scene.wait(driver) == 3, scene.said
    (line,) = scene.said.splitlines()
    assert scene.directory in line
    wait_until("no run is left", lambda: not processes_of(scene.directory))
    wait_until("no agent is left", lambda: not faults.members("agent", scene.home))


def test_a_driver_that_comes_to_a_vanished_directory_says_so(scene: Scene) -> None:
    assert scene.make() == 0
    shutil.rmtree(scene.directory)
    assert scene.drive_to_end() == 3
    assert scene.said == f"StoreError: there is no study in {scene.directory}: runsemble.db is not there\n"


@pytest.mark.parametrize(("at", "length"), [(0, 100), (4096, 60_000), (100, 4000)])
def test_a_damaged_file_is_told_with_the_way_out(scene: Scene, at: int, length: int) -> None:
    assert scene.make(count=300) == 0
    with open(store_path(scene.directory), "r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)
    assert scene.drive_to_end() == 3
    (line,) = scene.said.splitlines()
    assert "is damaged" in line or "is not a file of runsemble's" in line
    if "is damaged" in line:
        assert line.endswith(f"runsemble rebuild {scene.directory} makes it anew")


def test_a_truncated_file_is_told(scene: Scene) -> None:
    assert scene.make(count=300) == 0
    os.truncate(store_path(scene.directory), 8192)
    assert scene.drive_to_end() == 3
    (line,) = scene.said.splitlines()
    assert "is damaged" in line


def test_an_empty_file_is_none_of_ours(scene: Scene) -> None:
    assert scene.make() == 0
    os.truncate(store_path(scene.directory), 0)
    assert scene.drive_to_end() == 3
    assert "is not a file of runsemble's" in scene.said


def test_a_file_of_a_newer_version_is_left_alone(scene: Scene) -> None:
    assert scene.make() == 0
    with closing(sqlite3.connect(store_path(scene.directory))) as db:
        db.execute("PRAGMA user_version = 999")
    assert scene.drive_to_end() == 3
    assert "was written by a newer version of runsemble (layout 999" in scene.said
    with closing(sqlite3.connect(store_path(scene.directory))) as db:
        db.execute("PRAGMA user_version = 1")
    assert check_always(scene.home).attempt == dict.fromkeys(range(12), 0)
