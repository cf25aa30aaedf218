"""Fault points: places in a process at which a test has it killed, once.

A test decides which methods are fault points, and has them wrapped in the process under test, with `before` and
`after`; what is shipped has none. A *fuse* is a file that says at which point whom to kill. It burns once, however
many processes reach the point::

    faults.enlist("driver", home)                       # in the process under test
    faults.after(Writer, "_commit", "after commit")
    faults.Fuse(home).arm("after commit", kill=["driver"])   # in the test, now or later

This file needs nothing but the standard library of Python 3.8, so that an agent can load it by its path.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

#: Names in the directory that test and processes under test share.
_FUSE, _FIRED, _ROSTER = "fuse", "fired", "roster"


class Fuse:
    """What is to happen at which fault point.

    Args:
        home: The directory that test and processes under test share.
    """

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, _FUSE)
        self._fired = os.path.join(home, _FIRED)

    def arm(self, point: str, kill: Sequence[str], count: int = 1, stop: bool = False) -> None:
        """Have processes killed at a fault point.

        Args:
            point: The point.
            kill: Roles of those to be killed, or "self"; the one that reaches the point is the last of them.
            count: At the how many-th time that one process reaches it, counted from now.
            stop: Stop the one that reaches it instead, until it is sent SIGCONT.
        """
        order = {"point": point, "kill": list(kill), "count": count, "stop": stop, "id": os.urandom(4).hex()}
        temporary = self._path + ".new"
        with open(temporary, "w") as file:
            json.dump(order, file)
        os.rename(temporary, self._path)

    def disarm(self) -> bool:
        """Let nothing happen any more; return False if it has happened already."""
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return False
        return True

    @property
    def is_armed(self) -> bool:
        """Whether it has yet to happen."""
        return os.path.exists(self._path)

    @property
    def fired(self) -> list[str]:
        """The points at which it has happened, in order."""
        try:
            with open(self._fired) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


class _Self:
    home = ""
    role = ""
    counts: dict[str, int] = {}  # noqa: RUF012 - one per process


def enlist(role: str, home: str) -> None:
    """Take part in a test: from now on fault points count in this process, and others can have it killed.

    Args:
        role: What it is, as `Fuse.arm` says it.
        home: The directory that test and processes under test share.
    """
    _Self.home, _Self.role = home, role
    pid = os.getpid()
    directory = os.path.join(home, _ROSTER)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "%s-%d" % (role, pid)), "w") as file:
        file.write(_born(pid))


def members(role: str, home: str) -> list[int]:
    """Return the process ids of those with this role that are alive."""
    pids = []
    directory = os.path.join(home, _ROSTER)
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        its_role, _, pid = name.rpartition("-")
        with open(os.path.join(directory, name)) as file:
            born = file.read()
        if its_role == role and born and _born(int(pid)) == born:
            pids.append(int(pid))
    return pids


def reach(point: str, last_act: Callable[[], None] | None = None) -> None:
    """Be at a fault point: what the fuse says happens.

    Args:
        point: Its name.
        last_act: What this process still does when it happens, such as half of something.
    """
    path = os.path.join(_Self.home, _FUSE)
    try:
        with open(path) as file:
            order = json.load(file)
    except OSError:
        return
    if order["point"] != point:
        return
    count = _Self.counts[order["id"]] = _Self.counts.get(order["id"], 0) + 1
    if count < order["count"]:
        return
    try:
        os.rename(path, path + ".burnt")
    except OSError:  # another process was faster
        return
    if last_act is not None:
        last_act()
    _strike(order)


def _strike(order: dict[str, Any]) -> None:
    fd = os.open(os.path.join(_Self.home, _FIRED), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, (order["point"] + "\n").encode())
    os.close(fd)
    own = os.getpid()
    for role in order["kill"]:
        for pid in members(role, _Self.home):
            if pid != own:
                os.kill(pid, signal.SIGKILL)
    if order["stop"]:
        os.kill(own, signal.SIGSTOP)
    elif _Self.role in order["kill"] or "self" in order["kill"]:
        os.kill(own, signal.SIGKILL)


def _born(pid: int) -> str:
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def before(owner: Any, name: str, point: str, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Let a function be a fault point, before it does anything.

    Args:
        owner: The class or module it belongs to.
        name: Its name there.
        point: Name of the point.
        when: Called with its arguments: whether the point is reached; always by default.
    """
    wrap(owner, name, before=lambda *args, **kwargs: reach(point) if when(*args, **kwargs) else None)


def after(owner: Any, name: str, point: str, when: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Let a function be a fault point once it has done what it does; for the arguments see `before`."""
    wrap(owner, name, after=lambda _, *args, **kwargs: reach(point) if when(*args, **kwargs) else None)


def wrap(
    owner: Any,
    name: str,
    before: Callable[..., None] = lambda *_, **__: None,
    after: Callable[..., None] = lambda *_, **__: None,
) -> None:
    """Call something before and after a function, which may be a coroutine function.

    Args:
        owner: The class or module it belongs to.
        name: Its name there.
        before: Called with its arguments.
        after: Called with what it returned, then its arguments.
    """
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def call(*args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        value = inner(*args, **kwargs)
        after(value, *args, **kwargs)
        return value

    @functools.wraps(inner)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        value = await inner(*args, **kwargs)
        after(value, *args, **kwargs)
        return value

    setattr(owner, name, call_async if inspect.iscoroutinefunction(inner) else call)
