"""Makes the record of a study anew where it is damaged or lost."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread

from runsemble.ensemble.private import make_private_directory
from runsemble.ensemble.salvaging import Salvaging, as_lease
from runsemble.ensemble.threads import in_thread
from runsemble.errors import LeaseError, StoreError
from runsemble.store.file import store_path
from runsemble.store.lease import BEAT_S, EXPIRY_S, Here, Lease
from runsemble.store.salvage import COMPANIONS, Salvage, is_whole
from runsemble.workdir.layout import PRIVATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of making a record anew."""

    is_whole: bool = False  #: nothing was wrong with the old one, so nothing was done
    runs: int = 0  #: in the new record
    results: int = 0  #: likewise
    attempts: int = 0  #: likewise
    from_directories: int = 0  #: runs of which only their directories told
    unknown: int = 0  #: runs whose state could not be had, so that they are pending again
    without_command: int = 0  #: runs whose own commands could not be had, so that they are aborted
    lost: int = 0  #: ids of which nothing was found, runs that had not started
    may_lack: bool = False  #: whether there may have been more runs, of which nothing is left at all
    damaged: str | None = None  #: where the old file is now; None if there was none


async def rebuild(path: str | os.PathLike[str]) -> Rebuilt:
    """Make the record of a study anew; see `Ensemble.rebuild`."""
    directory = await anyio.to_thread.run_sync(os.path.abspath, os.fspath(path))
    if not await anyio.to_thread.run_sync(os.path.isdir, directory):
        raise StoreError(f"there is no study in {directory}: it is no directory", path=directory)
    try:
        async with in_thread(_alone(directory)):
            await _refuse_driven(directory)
            return await anyio.to_thread.run_sync(_rebuild, directory)
    except OSError as error:
        raise StoreError(f"{directory} cannot be rebuilt: {error}", path=directory) from error


@contextmanager
def _alone(directory: str) -> Iterator[None]:
    """Be the only process that rebuilds a study while the block runs."""
    fd = os.open(
        os.path.join(make_private_directory(directory), "rebuild.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseError(f"another process is rebuilding {directory}") from None
        yield
    finally:
        os.close(fd)


async def _refuse_driven(directory: str) -> None:
    """Refuse a study that somebody drives, as far as that can be told.

    Raises:
        LeaseError: Somebody does.
    """
    path = store_path(directory)
    users = await anyio.to_thread.run_sync(_users_of, path)
    if users:
        raise LeaseError(f"{path} is in use by process {users[0]}: stop it first (runsemble stop {directory})")
    lease = await anyio.to_thread.run_sync(_lease_of, path)
    if lease is None or lease.is_free_now:
        return
    assert lease.holder is not None
    if lease.holder.host != Here.now().host:  # it may be dead; its beat tells
        await anyio.sleep(EXPIRY_S + BEAT_S)
        after = await anyio.to_thread.run_sync(_lease_of, path)
        if after is None or (after.epoch, after.beat) == (lease.epoch, lease.beat):
            return
    raise LeaseError(f"the study in {directory} is being driven by {lease.holder}: stop it first")


def _users_of(path: str) -> list[int]:
    """Return the processes of this user on this machine, other than this one, that have a file open."""
    wanted, users = os.path.realpath(path), []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == os.getpid():
            continue
        try:
            fds = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        if any(_link_of(f"/proc/{pid}/fd/{fd}") == wanted for fd in fds):
            users.append(pid)
    return users


def _link_of(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _lease_of(path: str) -> Lease | None:
    """Return what the lease says; None if it cannot be read."""
    if not os.path.isfile(path):
        return None
    with tempfile.TemporaryDirectory(prefix="runsemble-rebuild-") as scratch, closing(Salvage(path, scratch)) as old:
        return as_lease(old)


def _rebuild(directory: str) -> Rebuilt:
    path = store_path(directory)
    if os.path.isfile(path) and is_whole(path):
        return Rebuilt(is_whole=True)
    source = path if os.path.isfile(path) else _latest_damaged(directory)
    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=os.path.join(directory, PRIVATE)) as scratch:
        new = os.path.join(scratch, "new.db")
        with closing(Salvaging(directory, new)) as work:
            if source is not None and os.path.getsize(source):
                with closing(Salvage(source, scratch)) as old:
                    work.take_file(old)
            else:
                work.take_nothing()
            work.take_directories()
            done = work.finish()
        damaged = _set_aside(path) or source
        _settle(new, path)
    return Rebuilt(**done, damaged=damaged)


def _latest_damaged(directory: str) -> str | None:
    """Return the file that an earlier attempt at this has set aside, where it came no further."""
    prefix = os.path.basename(store_path(directory)) + ".damaged-"
    names = [one for one in os.listdir(directory) if one.startswith(prefix) and not one.endswith(COMPANIONS)]
    return os.path.join(directory, max(names)) if names else None


def _set_aside(path: str) -> str | None:
    """Give the damaged file and what belongs to it another name; return that, None if there was no file.

    What belongs to it must go even where the file itself is gone: SQLite would take it for the new one's.
    """
    wanted = aside = f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = f"{wanted}-{number}"
    for suffix in (*COMPANIONS, ""):
        if suffix and os.path.exists(path + suffix) and not os.path.getsize(path + suffix):
            os.unlink(path + suffix)
        elif os.path.exists(path + suffix):
            os.rename(path + suffix, aside + suffix)
    if os.path.exists(path + "-shm"):
        os.unlink(path + "-shm")
    return aside if os.path.exists(aside) else None


def _settle(new: str, path: str) -> None:
    """Give the new file its name, once it is on disk."""
    fd = os.open(new, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(new, path)
