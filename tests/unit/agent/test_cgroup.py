"""Control groups: worded on a made-up tree, entered and killed on the kernel's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runsemble.agent.cgroup import Cgroups, RunCgroup, find_delegated, has_limits, may_limit


def made_up_group(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


def test_a_limit_covers_swap_and_every_process(tmp_path: Path) -> None:
    files = {"memory__max": "max", "memory__swap__max": "max", "memory__oom__group": "0"}
    path = made_up_group(tmp_path / "run", **files)
    assert RunCgroup(str(path), str(tmp_path)).limit(100)
    assert (path / "memory.max").read_text() == str(100 * 2**20)
    assert (path / "memory.swap.max").read_text()[0] == "0"
    assert (path / "memory.oom.group").read_text() == "1"


def test_a_group_without_a_memory_controller_is_not_used(tmp_path: Path) -> None:
    assert Cgroups(str(tmp_path), str(tmp_path)).make("7-1", 100) is None
    assert not list(tmp_path.iterdir())


def test_a_kill_by_the_kernel_and_the_peak_are_told(tmp_path: Path) -> None:
    path = made_up_group(tmp_path / "run", memory__events="low 0\noom 3\noom_kill 1\n", memory__peak="104857600\n")
    group = RunCgroup(str(path), str(tmp_path))
    assert group.ran_out_of_memory
    assert group.peak_kib == 100 * 1024
    (path / "memory.events").write_text("oom 0\noom_kill 0\n")
    assert not group.ran_out_of_memory


def test_only_a_group_with_the_controller_switched_on_can_limit(tmp_path: Path) -> None:
    path = made_up_group(tmp_path / "run", cgroup__subtree_control="cpu pids", cgroup__procs="")
    assert not may_limit(str(path), "memory")
    (path / "cgroup.subtree_control").write_text("cpu memory pids")
    assert may_limit(str(path), "memory")


@pytest.mark.parametrize(
    ("name", "value"), [("cpu__max", "50000 100000"), ("memory__max", "1048576"), ("cpuset__cpus", "0-1")]
)
def test_a_group_that_limits_what_is_in_it_is_known_by_its_files(tmp_path: Path, name: str, value: str) -> None:
    free = made_up_group(tmp_path / "free", cpu__max="max 100000", memory__max="max", cpuset__cpus="\n")
    limited = made_up_group(tmp_path / "limited", **{name: value})
    assert (has_limits(str(free)), has_limits(str(limited))) == (False, True)


def test_a_child_born_in_a_group_dies_with_it() -> None:
    found = find_delegated(needs="")
    if found is None:
        pytest.skip("no control group v2 that this user may divide")
    group = RunCgroup(os.path.join(found._parent, f"runsemble-test-{os.getpid()}"), found._home)
    os.mkdir(group.path)
    try:
        assert group.enter()
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        group.leave()
        assert Path(group.path, "cgroup.procs").read_text().split() == [str(child.pid)]
        group.kill()
        assert child.wait(timeout=10) == -9
    finally:
        group.leave()
        group.remove()
    assert not os.path.exists(group.path)
