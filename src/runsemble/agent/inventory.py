"""What this process may really use of its node: cores, memory, GPUs.

Source: sched_getaffinity(2); cgroup v2 ``cpu.max``, ``memory.max`` and v1 ``cpu.cfs_quota_us``,
``memory.limit_in_bytes`` (kernel documentation, cgroup-v2.rst and cgroup-v1); ``nvidia-smi -L``; ``rocm-smi --showid``.
"""

from __future__ import annotations

import os
import re
import shutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_CPU = "/sys/devices/system/cpu/cpu{}/topology/{}"
_PROBE_S = 20.0

#: Variable by which each vendor's runtime learns which GPUs it may use.
VISIBLE_DEVICES = {"nvidia": "CUDA_VISIBLE_DEVICES", "amd": "ROCR_VISIBLE_DEVICES"}


def usable_cores() -> list[int]:
    """Return the ids of the cores in the affinity mask, as many as the cgroup's CPU quota pays for, at least one.

    Siblings of one physical core stand side by side, physical cores of one package too.
    """
    cores = sorted(os.sched_getaffinity(0), key=_core_place)
    quota = cpu_quota()
    return cores if quota is None else cores[: max(1, int(quota))]


def threads_per_core(cores: list[int]) -> int:
    """Return how many neighbours in `cores` are siblings of one physical core; 1 unless that is the same for all."""
    places = [_core_place(core)[:2] for core in cores]
    counts = {places.count(place) for place in places}
    return counts.pop() if len(counts) == 1 else 1


def cpu_quota() -> float | None:
    """Return how many CPUs' worth of time the control groups allow, None without a limit."""
    quotas = []
    for directory in _cgroup_directories("cpu"):
        limit = _read(directory + "/cpu.max").split()
        if len(limit) == 2 and limit[0] != "max":
            quotas.append(int(limit[0]) / int(limit[1]))
        quota, period = _read(directory + "/cpu.cfs_quota_us"), _read(directory + "/cpu.cfs_period_us")
        if quota and period and int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas) if quotas else None


def usable_memory_mib() -> int:
    """Return the memory of this node, or of this process's control group where that is less, in MiB; 0: unknown."""
    limits = []
    match = re.search(r"^MemTotal:\s+(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    if match:
        limits.append(int(match.group(1)) * 1024)
    for directory in _cgroup_directories("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(directory + "/" + name)
            if text.isdigit():
                limits.append(int(text))
    return min(limits) // (1024 * 1024) if limits else 0


def usable_gpus() -> tuple[str, list[str]]:
    """Return the vendor ("nvidia", "amd" or "") and the ids of the GPUs that this process may use.

    A list in ``CUDA_VISIBLE_DEVICES`` or ``ROCR_VISIBLE_DEVICES`` is taken as it stands; otherwise the vendor's tool
    is asked, which may take a second. Where a GPU is split into MIG devices, those are the GPUs.
    """
    for vendor, variable in VISIBLE_DEVICES.items():
        value = os.environ.get(variable)
        if value is not None:
            return vendor, parse_visible_devices(value)
    listing = _ask("nvidia-smi", "-L")
    if listing:
        return "nvidia", parse_nvidia_list(listing)
    listing = _ask("rocm-smi", "--showid")
    if listing:
        return "amd", parse_rocm_list(listing)
    return "", []


def parse_visible_devices(value: str) -> list[str]:
    """Return the ids in a list such as "0,1" or "GPU-8932f937"; as in CUDA, the first invalid one ends it."""
    ids = []
    for item in value.split(","):
        item = item.strip()
        if not re.match(r"\d+$|(GPU|MIG)-[\w./-]+$", item):
            break
        if item not in ids:
            ids.append(item)
    return ids


def parse_nvidia_list(listing: str) -> list[str]:
    """Return the devices in the output of ``nvidia-smi -L``: indices of whole GPUs, UUIDs of MIG devices."""
    gpus: list[tuple[str, list[str]]] = []
    for line in listing.splitlines():
        whole = re.match(r"GPU (\d+):", line)
        part = re.match(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)", line)
        if whole:
            gpus.append((whole.group(1), []))
        elif part and gpus:
            gpus[-1][1].append(part.group(1))
    return [device for index, parts in gpus for device in (parts or [index])]


def parse_rocm_list(listing: str) -> list[str]:
    """Return the indices in the output of ``rocm-smi --showid``."""
    return sorted(set(re.findall(r"^GPU\[(\d+)\]", listing, re.MULTILINE)), key=int)


def print_inventory() -> int:
    """Print the inventory as one line of JSON; return the exit status."""
    import json

    vendor, gpus = usable_gpus()
    facts = {"cores": usable_cores(), "mem_mib": usable_memory_mib(), "gpu_vendor": vendor, "gpus": gpus}
    os.write(1, (json.dumps(facts) + "\n").encode())
    return 0


def _core_place(core: int) -> tuple[int, int, int]:
    package = _read(_CPU.format(core, "physical_package_id"))
    physical = _read(_CPU.format(core, "core_id"))
    return int(package or 0), int(physical or core), core


def _cgroup_directories(controller: str) -> Iterator[str]:
    """Yield the directories of this process's control groups that may limit it, up to the root of each hierarchy."""
    mounts = _cgroup_mounts(controller)
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = mounts.get(bool(controllers))
        while mount:
            yield mount + path.rstrip("/")
            if path in ("/", ""):
                break
            path = os.path.dirname(path)


def _cgroup_mounts(controller: str) -> dict[bool, str]:
    """Return where the hierarchies are mounted: v1 of `controller` under True, v2 under False."""
    mounts: dict[bool, str] = {}
    for line in _read("/proc/self/mounts").splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            mounts.setdefault(False, fields[1])
        elif fields[2] == "cgroup" and controller in fields[3].split(","):
            mounts.setdefault(True, fields[1])
    return mounts


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _ask(program: str, option: str) -> str:
    path = shutil.which(program)
    if path is None:
        return ""
    import subprocess

    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=_PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
