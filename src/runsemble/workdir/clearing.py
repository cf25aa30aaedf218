"""Removes the directory of a run that has ended, or most of what is in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection

from runsemble.inrun import RESULTS_FILE


def clear_directory(path: str, but: Collection[str], above: str, rescue: str | None = None) -> None:
    """Remove what is in a directory; if nothing of it is to stay, the directory, and those above it that are empty.

    No link is followed, the directory itself included. Without effect where nothing is there.

    Args:
        path: The directory, absolute.
        but: Names that stay.
        above: A directory above it, which stays, and everything above that.
        rescue: Path to which its result is moved before; None: to none.

    Raises:
        OSError: Something cannot be moved or removed.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if rescue is not None:
            _move_result(fd, rescue)
        _empty(fd, but)
    finally:
        os.close(fd)
    if not but:
        os.rmdir(path)
        _remove_empty(os.path.dirname(path), above)


def _move_result(fd: int, path: str) -> None:
    """Move the result out of an open directory; it replaces that of an earlier attempt."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    try:
        os.rename(RESULTS_FILE, path, src_dir_fd=fd)
    except FileNotFoundError:  # it has been moved already
        return


def _empty(fd: int, but: Collection[str]) -> None:
    with os.scandir(fd) as entries:
        doomed = [(one.name, one.is_dir(follow_symlinks=False)) for one in entries if one.name not in but]
    for name, is_directory in doomed:
        if is_directory:
            shutil.rmtree(name, dir_fd=fd)
        else:
            os.unlink(name, dir_fd=fd)


def _remove_empty(path: str, above: str) -> None:
    while path.startswith(above + "/"):
        try:
            os.rmdir(path)
        except OSError:  # other runs are in it
            return
        path = os.path.dirname(path)
