from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from runsemble.nodes.checkup import (
    CHECKS,
    NETWORK,
    Finding,
    Level,
    check_cores,
    check_file_system,
    check_memory,
    check_python,
    file_system_of,
    import_lines,
    kills_user_processes,
    tmp_age,
)

MOUNTS = """\
sysfs /sys sysfs rw,nosuid 0 0
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb1 /home/local xfs rw 0 0
//nas/share /mnt/with\\040blank cifs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/", "ext4"),
        ("/nothing/there", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/study", "nfs4"),
        ("/home/local", "xfs"),
        ("/home/local/deep/er", "xfs"),
        ("/home/locals", "nfs4"),
        ("/homes", "ext4"),
        ("/mnt/with blank/x", "cifs"),
        ("/mnt/with", "ext4"),
        ("/home/../home/local/.", "xfs"),
    ],
)
def test_a_directory_is_on_the_file_system_that_is_mounted_nearest_above(directory: str, kind: str) -> None:
    assert file_system_of(directory, MOUNTS) == kind


@pytest.mark.parametrize(("written", "name"), [("a\\011b", "a\tb"), ("a\\134b", "a\\b"), ("a\\012b", "a\nb")])
def test_signs_in_a_mount_point_that_are_written_in_octal_are_read(written: str, name: str) -> None:
    assert file_system_of(f"/mnt/{name}/x", f"/dev/sda1 / ext4 rw 0 0\nserver:/x /mnt/{written} nfs rw 0 0\n") == "nfs"


def test_what_is_mounted_over_another_file_system_hides_it() -> None:
    mounts = "a /data ext4 rw 0 0\nb /data/sub xfs rw 0 0\nc /data nfs rw 0 0\n"
    assert file_system_of("/data/x", mounts) == "nfs"


def test_a_link_is_followed_to_its_file_system(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far")
    mounts = f"a / ext4 rw 0 0\nb {os.path.realpath(tmp_path)}/far nfs rw 0 0\n"
    assert file_system_of(str(tmp_path / "link/x"), mounts) == "nfs"


@pytest.mark.parametrize("mounts", ["", "\n", "nonsense", "a /else ext4 rw 0 0"])
def test_a_file_system_that_cannot_be_told_is_unknown(mounts: str) -> None:
    assert file_system_of("/data", mounts) == "unknown"


@pytest.mark.parametrize(
    ("texts", "kills"),
    [
        ([], False),
        ([""], False),
        (["[Login]\n#KillUserProcesses=yes\n;KillUserProcesses=yes\n"], False),
        (["[Login]\nKillUserProcesses=yes\n"], True),
        (["KillUserProcesses = Yes"], True),
        (["  KillUserProcesses=1\r\n"], True),
        (["KillUserProcesses=true"], True),
        (["KillUserProcesses=on"], True),
        (["KillUserProcesses=y"], True),
        (["KillUserProcesses=t"], True),
        (["KillUserProcesses=no"], False),
        (["KillUserProcesses=nonsense"], False),
        (["XKillUserProcesses=yes\nKillUserProcessesX=yes\n"], False),
        (["KillUserProcesses=\nyes=1"], False),
        (["KillUserProcesses=yes\nKillUserProcesses=no"], False),
        (["KillUserProcesses=yes", "KillUserProcesses=no"], False),
        (["KillUserProcesses=no", "", "KillUserProcesses=yes"], True),
    ],
)
def test_the_last_word_on_processes_of_users_counts(texts: list[str], kills: bool) -> None:
    assert kills_user_processes(texts) is kills


@pytest.mark.parametrize(
    ("texts", "age"),
    [
        ([], None),
        (["q /tmp 1777 root root 10d\nq /var/tmp 1777 root root 30d\n"], "10d"),
        (["D! /tmp 1777 root root 0"], "0"),
        (["v   /tmp\t1777  root root  1w"], "1w"),
        (["d /tmp 1777 root root -"], None),
        (["d /tmp 1777 root root"], None),
        (["# q /tmp 1777 root root 10d"], None),
        (["q /tmpfoo 1777 root root 10d\nq /tmp/x 1777 root root 10d"], None),
        (["r! /tmp/.X[0-9]*-lock"], None),
        (["q /tmp 1777 root root 10d", "x /tmp/runsemble-*"], None),
        (["X /tmp/runsemble-me", "q /tmp 1777 root root 10d"], None),
        (["q /tmp 1777 root root 10d\nx /tmp/systemd-private-*"], "10d"),
    ],
)
def test_after_what_time_files_in_tmp_are_removed_is_read(texts: list[str], age: str | None) -> None:
    assert tmp_age(texts) == age


@pytest.mark.parametrize(
    ("text", "runs_code"),
    [
        ("import os; os.getpid()\n", True),
        ("/some/path\nimport\tsys", True),
        ("/some/path\n# import x\n", False),
        (" import x\n", False),
        ("importlib\n/import x\n", False),
        ("", False),
        ("\ufeff\udcff", False),
    ],
)
def test_a_pth_file_that_runs_code_is_found(tmp_path: Path, text: str, runs_code: bool) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "b.txt").write_text("import os\n")
    assert import_lines(str(tmp_path)) == ([str(path)] if runs_code else [])


def test_pth_files_are_found_in_any_directory(tmp_path: Path) -> None:
    odd = tmp_path / "a[b]*"
    odd.mkdir()
    (odd / "x.pth").write_text("import os\n")
    (odd / "dangling.pth").symlink_to("nowhere")
    assert import_lines(str(odd)) == [str(odd / "x.pth")]
    assert import_lines(str(tmp_path / "missing")) == []


def is_sane(finding: Finding) -> bool:
    """Tell whether a finding can be shown to a person."""
    texts = (finding.topic, finding.found, finding.meaning)
    return finding.level in get_args(Level) and all(text and text == text.strip() for text in texts)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_finds_something_here(check: Callable[[], Finding]) -> None:
    finding = check()
    assert is_sane(finding)
    assert finding.found.isprintable()


def test_the_cores_that_are_found_are_those_of_this_process() -> None:
    words = check_cores().found.split()
    assert 1 <= int(words[0]) <= len(os.sched_getaffinity(0))
    assert words[1] == "of"


def test_there_is_memory_here() -> None:
    assert int(check_memory().found.split()[0]) > 0


def test_python_starts_here() -> None:
    assert check_python().found.startswith("starts in ")
    assert os.path.exists(sys.executable)


def test_the_file_system_of_a_directory_is_looked_at_and_left_clean(tmp_path: Path) -> None:
    finding = check_file_system(str(tmp_path))
    assert is_sane(finding)
    assert finding.topic == "output"
    assert f" at {tmp_path}, " in finding.found
    assert list(tmp_path.iterdir()) == []


def test_memory_and_the_kernels_own_file_systems_are_told_apart() -> None:
    assert check_file_system("/dev/shm").level == "note"
    assert check_file_system("/proc").level == "warning"


def test_file_systems_that_are_reached_over_a_network_are_known() -> None:
    assert {"nfs", "nfs4", "lustre", "cifs"} <= NETWORK
    assert not {"ext4", "xfs", "btrfs", "tmpfs", "overlay"} & NETWORK
