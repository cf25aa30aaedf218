"""Control groups: the kernel's own limit on the memory of a run, where a part of the tree was delegated to us.

Without one, `memory` watches instead.

Source: cgroup-v2.rst of the kernel: "Delegation", ``memory.max``, ``memory.oom.group``, ``memory.events``,
``memory.peak``, ``cgroup.kill``.
"""

from __future__ import annotations

import os
import time

from . import proc

#: Seconds for which the removal of a group waits for its last process to be gone.
REMOVE_S = 1.0
#: Files that say what a group limits; ``max`` or nothing: not at all.
LIMITS = ("cpu.max", "cpuset.cpus", "memory.high", "memory.max")


def find_delegated(needs: str = "memory") -> Cgroups | None:
    """Return the nearest control group above this process in which we may limit runs, None if there is none.

    Args:
        needs: The controller that must be switched on for its children.
    """
    mount = own = ""
    for line in proc.read("/proc/self/mounts").decode("utf-8", "replace").splitlines():
        if line.split()[2] == "cgroup2":
            mount = line.split()[1]
    for line in proc.read("/proc/self/cgroup").decode("utf-8", "replace").splitlines():
        if line.startswith("0::"):
            own = line[3:]
    if not mount or not own:
        return None
    home = mount + own.rstrip("/")
    parent = home
    while len(parent) >= len(mount):
        if may_limit(parent, needs):
            return Cgroups(parent, home)
        if has_limits(parent):  # a run beside this group would escape them
            return None
        parent = os.path.dirname(parent)
    return None


def has_limits(directory: str) -> bool:
    """Tell whether a control group limits the cores, CPU time or memory of what is in it."""
    values = [proc.read(directory + "/" + name).split() for name in LIMITS]
    return any(value and value[0] != b"max" for value in values)


def may_limit(directory: str, needs: str) -> bool:
    """Tell whether groups with the controller `needs` can be made in `directory` and entered by us."""
    enabled = proc.read(directory + "/cgroup.subtree_control").decode("ascii", "replace").split()
    return (not needs or needs in enabled) and all(
        os.access(path, os.W_OK) for path in (directory, directory + "/cgroup.procs")
    )


class Cgroups:
    """A place for the groups of runs.

    Args:
        parent: Where groups are made.
        home: This process's own group, to which it returns.
    """

    def __init__(self, parent: str, home: str) -> None:
        self._parent = parent
        self._home = home

    def make(self, name: str, mem_mib: int) -> RunCgroup | None:
        """Make a group that may use `mem_mib` MiB; None if that fails after all."""
        group = RunCgroup(os.path.join(self._parent, "runsemble-" + name), self._home)
        try:
            os.mkdir(group.path)
        except OSError:
            return None
        if group.limit(mem_mib):
            return group
        group.remove()
        return None

    def end(self, name: str) -> None:
        """End what is left in the group that a dead agent made under this name, and remove it, if there is one."""
        group = RunCgroup(os.path.join(self._parent, "runsemble-" + name), self._home)
        group.kill()
        group.remove()


class RunCgroup:
    """The control group of one attempt."""

    def __init__(self, path: str, home: str) -> None:
        self.path = path
        self._home = home

    def limit(self, mem_mib: int) -> bool:
        """Set the limit, swap included; one process over it ends them all. False if it cannot be set."""
        _write(self.path + "/memory.swap.max", "0")
        _write(self.path + "/memory.oom.group", "1")
        return _write(self.path + "/memory.max", str(mem_mib * 1024 * 1024))

    def enter(self) -> bool:
        """Move this process in, so that its next child is born there."""
        return _write(self.path + "/cgroup.procs", "0")

    def add(self, pid: int) -> None:
        """Move another process in; what it has used so far counts where it was."""
        _write(self.path + "/cgroup.procs", str(pid))

    def leave(self) -> None:
        """Move this process back home."""
        _write(self._home + "/cgroup.procs", "0")

    def kill(self) -> None:
        """Kill every process in it."""
        _write(self.path + "/cgroup.kill", "1")

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has killed in it for want of memory."""
        for line in proc.read(self.path + "/memory.events").splitlines():
            if line.startswith(b"oom_kill ") and int(line.split()[1]):
                return True
        return False

    @property
    def peak_kib(self) -> int:
        """The most memory ever in use, in KiB; 0 where the kernel does not tell."""
        text = proc.read(self.path + "/memory.peak").strip()
        return int(text) // 1024 if text.isdigit() else 0

    def remove(self) -> None:
        """Remove the group, once its last process is gone; bounded."""
        give_up = time.monotonic() + REMOVE_S
        while True:
            try:
                os.rmdir(self.path)
                return
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > give_up:
                    return
                time.sleep(0.001)


def _write(path: str, text: str) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, text.encode("ascii"))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
