import os
from collections.abc import Callable

import pytest

from runsemble.agent import inventory

Kernel = Callable[..., None]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Return a function that says what the kernel's files contain; a file not mentioned is missing."""

    def say(files: dict[str, str], affinity: set[int] | None = None) -> None:
        monkeypatch.setattr(inventory, "_read", lambda path: files.get(path, "").strip())
        if affinity is not None:
            monkeypatch.setattr(os, "sched_getaffinity", lambda _: affinity)

    return say


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Return a function that says what the vendors' tools print; a tool not mentioned is missing."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("ROCR_VISIBLE_DEVICES", raising=False)

    def say(listings: dict[str, str]) -> None:
        monkeypatch.setattr(inventory, "_ask", lambda program, _: listings.get(program, ""))

    return say


V2 = {
    "/proc/self/mounts": "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0",
    "/proc/self/cgroup": "0::/user.slice/job.scope",
}
V1 = {
    "/proc/self/mounts": (
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0"
    ),
    "/proc/self/cgroup": "9:cpuset:/\n4:cpu,cpuacct:/job\n3:memory:/job\n1:name=systemd:/job",
}


def topology(*places: tuple[int, int]) -> dict[str, str]:
    """Return the topology files of cores 0, 1, … given as (package, physical core)."""
    files = {}
    for core, (package, physical) in enumerate(places):
        base = f"/sys/devices/system/cpu/cpu{core}/topology/"
        files[base + "physical_package_id"] = str(package)
        files[base + "core_id"] = str(physical)
    return files


def test_the_usable_cores_are_those_of_the_affinity_mask(kernel: Kernel) -> None:
    kernel({}, affinity={3, 1, 7})
    assert inventory.usable_cores() == [1, 3, 7]


def test_siblings_of_one_physical_core_stand_side_by_side(kernel: Kernel) -> None:
    kernel(topology((0, 0), (0, 1), (1, 0), (0, 0), (0, 1), (1, 0)), affinity=set(range(6)))
    assert inventory.usable_cores() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(("quota", "cores"), [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1)])
def test_no_more_cores_are_used_than_the_quota_pays_for(kernel: Kernel, quota: str, cores: int) -> None:
    kernel({**V2, "/sys/fs/cgroup/user.slice/job.scope/cpu.max": quota}, affinity={0, 1, 2, 3})
    assert len(inventory.usable_cores()) == cores


def test_a_quota_above_the_affinity_mask_changes_nothing(kernel: Kernel) -> None:
    kernel({**V2, "/sys/fs/cgroup/cpu.max": "800000 100000"}, affinity={0, 1})
    assert inventory.usable_cores() == [0, 1]


def test_without_control_groups_there_is_no_quota(kernel: Kernel) -> None:
    kernel({})
    assert inventory.cpu_quota() is None


def test_a_quota_of_max_is_none(kernel: Kernel) -> None:
    kernel({**V2, "/sys/fs/cgroup/user.slice/job.scope/cpu.max": "max 100000"})
    assert inventory.cpu_quota() is None


def test_the_tightest_quota_on_the_way_to_the_root_counts(kernel: Kernel) -> None:
    own, above, root = "/sys/fs/cgroup/user.slice/job.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"
    kernel(
        {
            **V2,
            f"{own}/cpu.max": "400000 100000",
            f"{above}/cpu.max": "150000 100000",
            f"{root}/cpu.max": "900000 100000",
        }
    )
    assert inventory.cpu_quota() == 1.5


def test_the_quota_of_a_container_is_seen_at_its_root(kernel: Kernel) -> None:
    kernel({**V2, "/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cpu.max": "100000 100000"})
    assert inventory.cpu_quota() == 1.0


def test_the_quota_of_the_first_version_is_read_too(kernel: Kernel) -> None:
    own = "/sys/fs/cgroup/cpu,cpuacct/job"
    kernel({**V1, f"{own}/cpu.cfs_quota_us": "250000", f"{own}/cpu.cfs_period_us": "100000"})
    assert inventory.cpu_quota() == 2.5


def test_the_first_version_says_minus_one_without_a_limit(kernel: Kernel) -> None:
    own = "/sys/fs/cgroup/cpu,cpuacct/job"
    kernel({**V1, f"{own}/cpu.cfs_quota_us": "-1", f"{own}/cpu.cfs_period_us": "100000"})
    assert inventory.cpu_quota() is None


MEMINFO = {"/proc/meminfo": "MemTotal:       4194304 kB\nMemFree:  100 kB"}


def test_the_memory_is_that_of_the_node(kernel: Kernel) -> None:
    kernel(MEMINFO)
    assert inventory.usable_memory_mib() == 4096


def test_the_memory_is_that_of_the_control_group_where_less(kernel: Kernel) -> None:
    kernel({**MEMINFO, **V2, "/sys/fs/cgroup/user.slice/memory.max": str(1 << 30)})
    assert inventory.usable_memory_mib() == 1024


@pytest.mark.parametrize("limit", ["max", str(1 << 40)])
def test_a_control_group_with_room_enough_limits_no_memory(kernel: Kernel, limit: str) -> None:
    kernel({**MEMINFO, **V2, "/sys/fs/cgroup/user.slice/memory.max": limit})
    assert inventory.usable_memory_mib() == 4096


def test_the_memory_limit_of_the_first_version_is_read_too(kernel: Kernel) -> None:
    kernel({**MEMINFO, **V1, "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": str(1 << 31)})
    assert inventory.usable_memory_mib() == 2048


def test_memory_that_nobody_tells_is_unknown(kernel: Kernel) -> None:
    kernel({})
    assert inventory.usable_memory_mib() == 0


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("0,1", ["0", "1"]),
        (" 2 , 0 ", ["2", "0"]),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"]),
        ("MIG-GPU-8932f937/1/0,MIG-c6d4", ["MIG-GPU-8932f937/1/0", "MIG-c6d4"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,-1,1", ["0"]),
        ("0,,1", ["0"]),
    ],
)
def test_a_list_of_devices_ends_at_the_first_invalid_one(value: str, ids: list[str]) -> None:
    assert inventory.parse_visible_devices(value) == ids


def test_no_device_is_listed_twice() -> None:
    ids = inventory.parse_visible_devices("0,0,1")
    assert len(ids) == len(set(ids))


PLAIN = """\
GPU 0: NVIDIA H200 (UUID: GPU-aaaa)
GPU 1: NVIDIA H200 (UUID: GPU-bbbb)
"""
SPLIT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef)
  MIG 1g.5gb      Device  1: (UUID: MIG-GPU-aaaa/9/0)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb)
"""


@pytest.mark.parametrize(
    ("listing", "ids"),
    [
        (PLAIN, ["0", "1"]),
        (SPLIT, ["MIG-c6d4f1ef", "MIG-GPU-aaaa/9/0", "1"]),
        ("No devices found.\n", []),
        ("", []),
    ],
)
def test_the_devices_of_nvidia_smi_are_whole_gpus_or_their_parts(listing: str, ids: list[str]) -> None:
    assert inventory.parse_nvidia_list(listing) == ids


ROCM = """\
======================= ROCm System Management Interface =======================
GPU[0]\t\t: Device Name: \t\tAMD Instinct MI250X
GPU[0]\t\t: GUID: \t\t11743
GPU[10]\t\t: Device Name: \t\tAMD Instinct MI250X
GPU[2]\t\t: Device Name: \t\tAMD Instinct MI250X
================================================================================
"""


@pytest.mark.parametrize(("listing", "ids"), [(ROCM, ["0", "2", "10"]), ("", [])])
def test_the_devices_of_rocm_smi_are_told_once_in_order(listing: str, ids: list[str]) -> None:
    assert inventory.parse_rocm_list(listing) == ids


@pytest.mark.parametrize(
    ("listings", "gpus"),
    [
        ({}, ("", [])),
        ({"nvidia-smi": PLAIN}, ("nvidia", ["0", "1"])),
        ({"rocm-smi": ROCM}, ("amd", ["0", "2", "10"])),
    ],
)
def test_the_vendors_tool_is_asked(
    tools: Callable[[dict[str, str]], None], listings: dict[str, str], gpus: tuple[str, list[str]]
) -> None:
    tools(listings)
    assert inventory.usable_gpus() == gpus


@pytest.mark.parametrize(
    ("variable", "value", "gpus"),
    [
        ("CUDA_VISIBLE_DEVICES", "1", ("nvidia", ["1"])),
        ("CUDA_VISIBLE_DEVICES", "", ("nvidia", [])),
        ("ROCR_VISIBLE_DEVICES", "3,2", ("amd", ["3", "2"])),
    ],
)
def test_a_list_in_the_environment_is_taken_as_it_stands(
    tools: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    gpus: tuple[str, list[str]],
) -> None:
    tools({"nvidia-smi": PLAIN})
    monkeypatch.setenv(variable, value)
    assert inventory.usable_gpus() == gpus


def test_this_machine_has_at_least_one_core_and_some_memory() -> None:
    assert set(inventory.usable_cores()) <= os.sched_getaffinity(0)
    assert len(inventory.usable_cores()) >= 1
    assert inventory.usable_memory_mib() > 0
