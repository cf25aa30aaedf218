"""What is worth knowing about a machine before runs are started on it, and what it means for them.

Sources: logind.conf(5), KillUserProcesses; tmpfiles.d(5); statfs(2) and /proc/self/mounts; the documentation of
Python's ``site`` module on ``.pth`` files.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from runsemble.agent import cgroup, inventory
from runsemble.model.resources import count_of

Level = Literal["ok", "note", "warning"]

#: File systems that are reached over a network; SQLite and locks need care there, and small files are slow.
NETWORK = frozenset({"nfs", "nfs4", "lustre", "gpfs", "beegfs", "cephfs", "ceph", "cifs", "smb3", "afs", "fuse.sshfs",
                     "glusterfs", "fuse.glusterfs", "panfs", "orangefs", "9p"})  # fmt: skip
#: A run makes about so many directories and files of its own.
FILES_PER_RUN = 4
#: Seconds beyond which a bare Python counts as slow to start.
SLOW_START_S = 0.1
#: Seconds beyond which a run directory with its files counts as slow to make.
SLOW_DIRECTORY_S = 0.005


class Finding(NamedTuple):
    """One thing that was looked at."""

    topic: str
    level: Level
    found: str  #: how it is
    meaning: str  #: what that means for runs, and what to do about it


def check_cores() -> Finding:
    """Look at the cores that runs can have."""
    usable, mask, total = len(inventory.usable_cores()), len(os.sched_getaffinity(0)), os.cpu_count() or 1
    quota = inventory.cpu_quota()
    found = f"{usable} of {total}" + (f", affinity mask {mask}" if mask < total else "")
    found += "" if quota is None else f", control group pays for {quota:g}"
    at_once = f"{count_of(usable, 'run')} of one core at a time, unless -j says otherwise"
    return Finding("cores", "ok", found, at_once)


def check_memory() -> Finding:
    """Look at the memory that runs can have, and at who would enforce a limit."""
    mib = inventory.usable_memory_mib()
    has_groups = cgroup.find_delegated() is not None
    how = (
        "limits of --mem are enforced by the kernel (delegated control group)"
        if has_groups
        else "limits of --mem are enforced by looking every 0.1 s, since no control group is delegated to this user"
    )
    return Finding("memory", "ok" if has_groups else "note", f"{mib} MiB", how)


def check_gpus() -> Finding:
    """Look at the GPUs that runs can have."""
    vendor, gpus = inventory.usable_gpus()
    if not gpus:
        return Finding("GPUs", "ok", "none found", "runs that ask for one (-g) are refused")
    variable = inventory.VISIBLE_DEVICES[vendor]
    return Finding("GPUs", "ok", f"{vendor}: {', '.join(gpus)}", f"a run with -g 1 gets one of them, in {variable}")


def check_file_system(directory: str) -> Finding:
    """Look at the file system of an output directory: its kind, its space, its speed with small files."""
    kind = file_system_of(directory, _read("/proc/self/mounts"))
    space = os.statvfs(directory)
    free_gib = space.f_bavail * space.f_frsize / 2**30
    found = f"{kind} at {directory}, {free_gib:.1f} GiB free"
    try:
        cost_s = _time_directory(directory)
    except OSError as error:
        return Finding("output", "warning", f"{found}; {error.strerror}", "no run directories can be made here: use -o")
    found += f", a run's directory in {cost_s * 1000:.1f} ms"
    if space.f_files and space.f_favail < 100_000:
        runs = space.f_favail // FILES_PER_RUN
        return Finding("output", "warning", f"{found}, {space.f_favail} inodes free", f"full after about {runs} runs")
    if kind in NETWORK:
        return Finding("output", "note", found, "a network file system: short runs start faster in a local directory")
    if kind in ("tmpfs", "ramfs"):
        return Finding("output", "note", found, "in memory: fast, counts as memory, and gone after a reboot")
    if cost_s > SLOW_DIRECTORY_S:
        return Finding("output", "note", found, "slow with small files: short runs will be held up by it")
    return Finding("output", "ok", found, "fit for many small files")


def check_logout() -> Finding:
    """Look whether processes of users are killed when they log out."""
    if not os.path.isdir("/run/systemd/system"):
        return Finding("logout", "ok", "no systemd-logind", "runs may outlive a login")
    files = [
        "/etc/systemd/logind.conf",
        *_drop_ins("/etc/systemd/logind.conf.d"),
        *_drop_ins("/run/systemd/logind.conf.d"),
    ]
    if not kills_user_processes(map(_read, files)):
        return Finding("logout", "ok", "KillUserProcesses=no", "runs may outlive a login")
    user = os.environ.get("USER", str(os.getuid()))
    if os.path.exists(f"/var/lib/systemd/linger/{user}"):
        return Finding("logout", "ok", "KillUserProcesses=yes, but lingering is on", "runs may outlive a login")
    todo = "runs are killed at logout; to keep them: loginctl enable-linger"
    return Finding("logout", "warning", "KillUserProcesses=yes", todo)


def check_cleaners() -> Finding:
    """Look whether old files in /tmp are removed, where agents keep what they need."""
    names = ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/lib/tmpfiles.d"]
    age = None
    if os.path.isdir("/run/systemd/system"):
        texts: dict[str, str] = {}
        for directory in names:  # a file in an earlier directory replaces one of the same name in a later one
            for path in _drop_ins(directory):
                texts.setdefault(os.path.basename(path), _read(path))
        age = tmp_age(texts.values())
    others = [path for path in glob.glob("/etc/cron.daily/tmp*") if re.search("tmp(watch|reaper)", path)]
    if age is None and not others:
        return Finding("/tmp", "ok", "nothing removes old files", "studies may take as long as they need")
    who = f"systemd-tmpfiles removes what is older than {age}" if age else f"{others[0]} removes old files"
    todo = "a study that takes longer may lose its agent's files; put this into /etc/tmpfiles.d/runsemble.conf: "
    return Finding("/tmp", "note", who, todo + "x /tmp/runsemble-*")


def check_python() -> Finding:
    """Look how long Python takes to start, and which ``.pth`` files run code at that."""
    whole = _time_python([])
    bare = _time_python(["-I", "-S"])
    culprits = [path for directory in sys.path if os.path.isdir(directory) for path in import_lines(directory)]
    found = f"starts in {whole * 1000:.0f} ms, {bare * 1000:.0f} ms of it without site-packages"
    if culprits:
        found += "; code in " + ", ".join(os.path.basename(path) for path in culprits)
    if whole - bare > SLOW_START_S:
        return Finding("python", "warning", found, "every run of Python pays for this; try a fresh virtual environment")
    return Finding("python", "ok", found, "every run of Python pays for this")


def check_mpi() -> Finding:
    """Look for a program that starts MPI runs."""
    import shutil

    path = shutil.which("mpirun")
    if path is None:
        return Finding("MPI", "ok", "no mpirun on PATH", "runs with several tasks (-n) are refused")
    return Finding("MPI", "ok", path, "starts runs with several tasks (-n)")


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_cores, check_memory, check_gpus, check_logout, check_cleaners, check_python, check_mpi,
)  # fmt: skip


def file_system_of(directory: str, mounts: str) -> str:
    """Return the kind of the file system that holds a directory, "unknown" if it cannot be told.

    Args:
        directory: Where.
        mounts: What ``/proc/self/mounts`` says.
    """
    path = os.path.realpath(directory)
    best, kind = "", "unknown"
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), fields[1])
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def kills_user_processes(texts: Iterable[str]) -> bool:
    """Tell whether configuration files of logind, the first one overridden by the later ones, say so."""
    kills = False
    for text in texts:
        for match in re.finditer(r"^[ \t]*KillUserProcesses[ \t]*=[ \t]*(\w*)", text, re.MULTILINE):
            kills = match[1].lower() in ("yes", "y", "true", "t", "on", "1")
    return kills


def tmp_age(texts: Iterable[str]) -> str | None:
    """Return after what time files in /tmp are removed, as tmpfiles.d says it; None: never."""
    age, excluded = None, False
    for text in texts:
        for line in text.splitlines():
            fields = line.split()
            if len(fields) >= 2 and fields[0][:1] in "xX" and fields[1].startswith("/tmp/runsemble"):
                excluded = True
            if len(fields) >= 6 and fields[0][:1] in "dDqQev" and fields[1] == "/tmp" and fields[5] != "-":
                age = fields[5]
    return None if excluded else age


def import_lines(directory: str) -> list[str]:
    """Return the ``.pth`` files in a directory that run code whenever Python starts."""
    paths = sorted(glob.glob(os.path.join(glob.escape(directory), "*.pth")))
    return [path for path in paths if re.search(r"^import\s", _read(path), re.MULTILINE)]


def _time_directory(directory: str) -> float:
    """Return how many seconds it takes to make a directory with the files of a run, on average."""
    count = 20
    with tempfile.TemporaryDirectory(prefix=".runsemble-doctor-", dir=directory) as place:
        began = time.perf_counter()
        for at in range(count):
            os.mkdir(f"{place}/{at}")
            for name in ("params.json", "stdout", "stderr"):
                with open(f"{place}/{at}/{name}", "wb") as file:
                    file.write(b"{}")
        return (time.perf_counter() - began) / count


def _time_python(options: list[str]) -> float:
    """Return how many seconds Python takes to start and end, at its best."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, *options, "-c", "pass"], check=False)
        times.append(time.perf_counter() - began)
    return min(times)


def _drop_ins(directory: str) -> list[str]:
    return sorted(glob.glob(directory + "/*.conf"))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
