"""Where an agent lives: a private directory on its own node, short enough for a socket's name."""

from __future__ import annotations

import os
import stat

#: Directory of a user's agents. Not TMPDIR (long paths, per-session), not XDG_RUNTIME_DIR (vanishes at logout).
ROOT = "/tmp/runsemble-{uid}"


class UnsafePlace(Exception):
    """The directory for agents cannot be trusted; the text says why."""


def root() -> str:
    """Return the directory that holds this user's agents; it may not exist yet."""
    return ROOT.format(uid=os.getuid())


def choose_place() -> str:
    """Return a directory for one agent that does not exist yet; see `make_place`."""
    return os.path.join(root(), os.urandom(6).hex())


def make_place(place: str | None = None) -> str:
    """Make and return a directory for one agent, owned by this user and closed to all others; it may be there.

    Args:
        place: One that `choose_place` has returned; a new one when None.

    Raises:
        UnsafePlace: Somebody else owns, or may write to, the directory above it.
        OSError: It cannot be made.
    """
    place = place or choose_place()
    make_root()
    make_private(place)
    return place


def make_root() -> str:
    """Make the directory that holds this user's agents, if need be, and return it; for errors see `make_place`."""
    path = root()
    make_private(path)
    check(path)
    return path


def make_private(path: str) -> None:
    """Make a directory that only this user can get into, unless it exists."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass


def check(path: str) -> None:
    """Make sure that only this user can get into `path`.

    Raises:
        UnsafePlace: It is no directory, a symbolic link, somebody else's, or open to others.
        OSError: It cannot be examined.
    """
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        raise UnsafePlace(path + " must be a directory; remove it")
    if info.st_uid != os.getuid():
        raise UnsafePlace(path + " belongs to user " + str(info.st_uid) + ", so agents cannot be kept there safely")
    if info.st_mode & 0o077:
        raise UnsafePlace(path + " must be closed to other users: chmod 700 " + path)


def socket_path(place: str) -> str:
    """Return the stream socket of the agent that lives in `place`."""
    return os.path.join(place, "s")


def bell_path(place: str) -> str:
    """Return the named pipe on which runs of the agent in `place` ring: it needs no more than `os` to be written to."""
    return os.path.join(place, "bell")


def spool_path(place: str) -> str:
    """Return the spool of the agent that lives in `place`."""
    return os.path.join(place, "spool")


def left_spool_path(directory: str, place: str) -> str:
    """Return where in `directory` the agent that lives in `place` leaves its spool when it ends."""
    return os.path.join(directory, "spool-" + os.path.basename(place))


def log_path(place: str) -> str:
    """Return the log of the agent that lives in `place`; empty unless something went wrong."""
    return os.path.join(place, "log")
