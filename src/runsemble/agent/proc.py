"""What the kernel tells about processes in /proc.

Source: proc(5).
"""

from __future__ import annotations

import os

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def read(path: str) -> bytes:
    """Return the content of a file in /proc, empty if the process is gone or none of our business."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        chunks: list[bytes] = []
        while True:
            chunk = os.read(fd, 65536)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
    except OSError:
        return b""
    finally:
        os.close(fd)


def boot_id() -> str:
    """Return the id of this boot of the kernel; process ids mean nothing beyond it."""
    return read("/proc/sys/kernel/random/boot_id").decode("ascii").strip()


def session_of(pid: int) -> int:
    """Return the session of a process, 0 if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def environ_value(pid: int, name: bytes) -> bytes:
    """Return a variable of the environment that a process was started with; empty if unset or unreadable."""
    start = name + b"="
    for entry in read("/proc/" + str(pid) + "/environ").split(b"\0"):
        if entry.startswith(start):
            return entry[len(start) :]
    return b""


def argv(pid: int) -> list[bytes]:
    """Return the command of a process; empty if it is gone or a zombie."""
    return read("/proc/" + str(pid) + "/cmdline").split(b"\0")[:-1]


def start_time_s(pid: int) -> float:
    """Return when a process started, in seconds since boot at the clock tick's resolution; 0.0 if it is gone."""
    fields = _stat_fields(pid)
    return int(fields[19]) / _TICKS_PER_S if len(fields) > 19 else 0.0


def is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits to be reaped."""
    return _stat_fields(pid)[:1] == [b"Z"]


def children_of(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    pids: list[int] = []
    try:
        threads = os.listdir("/proc/" + str(pid) + "/task")
    except OSError:
        return pids
    for thread in threads:
        pids += map(int, read("/proc/" + str(pid) + "/task/" + thread + "/children").split())
    return pids


def descendants_of(pid: int) -> list[int]:
    """Return all descendants of a process, itself first."""
    family = [pid]
    for member in family:  # grows while it is walked
        family += children_of(member)
    return family


def all_pids() -> list[int]:
    """Return the ids of every process on this machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def rss_kib(pid: int) -> int:
    """Return the resident set of a process in KiB, 0 if it is gone."""
    fields = read("/proc/" + str(pid) + "/statm").split()
    return int(fields[1]) * _PAGE_KIB if len(fields) > 1 else 0


def peak_rss_kib() -> int:
    """Return the largest resident set that this process has had as the program it is, in KiB."""
    for line in read("/proc/self/status").split(b"\n"):
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1])
    return 0


def pss_kib(pid: int) -> int:
    """Return the proportional set of a process in KiB, so that shared pages count once; its RSS where denied."""
    for line in read("/proc/" + str(pid) + "/smaps_rollup").split(b"\n"):
        if line.startswith(b"Pss:"):
            return int(line.split()[1])
    return rss_kib(pid)


def _stat_fields(pid: int) -> list[bytes]:
    """Return the fields of /proc/PID/stat after the command's name, which may hold blanks and parentheses itself."""
    raw = read("/proc/" + str(pid) + "/stat")
    return raw[raw.rfind(b")") + 2 :].split()
