"""Takes in what an ended run left in its directory: its result and its last words."""

from __future__ import annotations

import os
import stat

from .protocol import INLINE_RESULT_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_RESULTS = b"/results.json"


def result_in(directory: bytes) -> list[Any] | None:
    """Return what is known of the result in a run directory; see `result_at`."""
    return result_at(directory + _RESULTS)


def result_at(path: bytes) -> list[Any] | None:
    """Return what is known of the result in a file: nothing, its text, its size, or what is wrong with it.

    Returns:
        None when there is none; ``["text", JSON text]`` for a small one; ``["file", size in bytes]`` for a larger one,
        which is left where it is; ``["bad", reason]`` for something that cannot be taken.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        return ["bad", "is a symbolic link" if os.path.islink(path) else error.strerror or str(error)]
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return ["bad", "is a directory" if stat.S_ISDIR(info.st_mode) else "is not a regular file"]
        if info.st_uid != os.geteuid():
            return ["bad", "belongs to another user"]
        if info.st_size > INLINE_RESULT_BYTES:
            return ["file", info.st_size]
        return ["text", os.read(fd, INLINE_RESULT_BYTES).decode("utf-8", "surrogateescape")]
    except OSError as error:
        return ["bad", error.strerror or str(error)]
    finally:
        os.close(fd)


def tail_of(path: bytes, limit: int) -> str | None:
    """Return the last `limit` bytes of a file as a wire string, None if there are none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(fd).st_size
        return os.pread(fd, limit, max(0, size - limit)).decode("utf-8", "surrogateescape") or None
    except OSError:
        return None
    finally:
        os.close(fd)


def new_lines(path: bytes, offset: int) -> tuple[str, int]:
    """Return the whole lines of a growing file from `offset` on, and the offset behind them."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return "", offset
    try:
        data = os.pread(fd, max(0, os.fstat(fd).st_size - offset), offset)
    except OSError:
        return "", offset
    finally:
        os.close(fd)
    end = data.rfind(b"\n") + 1
    return data[:end].decode("utf-8", "surrogateescape"), offset + end
