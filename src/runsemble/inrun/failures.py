"""Keeps the exception that ended a Python call, so that the driver can raise or show it.

The file holds a pickle of plain types; within it, the exception itself as a pickle of its own, where it has one.
"""

from __future__ import annotations

import os
import pickle
import stat
import traceback

from runsemble.errors import CallFailed, RemoteTraceback
from runsemble.inrun import RESULTS_FILE, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXCEPTION_FILE = "exception.pickle"


def keep_exception(error: BaseException) -> None:
    """Write an exception with its traceback into the run directory; a failure to do so is passed over.

    The traceback stands in stderr as well, so nothing is lost that a person would miss.
    """
    kind = type(error)
    kept = {
        "type": kind.__qualname__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__,
        "message": _text_of(error),
        "traceback": "".join(traceback.format_exception(kind, error, error.__traceback__)),
        "exception": pickle_by_value(error),
    }
    run_dir, posted = os.path.split(os.environ.get("RUNSEMBLE_RESULTS", RESULTS_FILE))
    if posted != RESULTS_FILE:
        return  # a run that was started by hand: what is kept is the recorded one's
    try:
        write_whole(os.path.join(run_dir, EXCEPTION_FILE), pickle.dumps(kept, protocol=4))
    except OSError:  # a full disk, most likely
        pass


def read_exception(run_dir: str) -> BaseException | None:
    """Return the exception that ended the Python call of a run, None if there was none.

    Its ``__cause__`` is a `RemoteTraceback`, whose text is the traceback as it was printed in the run. An exception
    that cannot be rebuilt here is told of by a `CallFailed`.

    Reading runs code that the file names, so a file that is not this user's own is not read.
    """
    try:
        kept = _read(os.path.join(run_dir, EXCEPTION_FILE))
        kind, message, text, raw = (kept[name] for name in ("type", "message", "traceback", "exception"))
    except Exception:  # there is none, or it is none of ours: an unpickler raises anything
        return None
    error = _rebuild(raw)
    if error is None:
        error = CallFailed(kind + (": " + message if message else ""), kind=kind)
    error.__cause__ = RemoteTraceback("\n" + text.rstrip("\n"))
    return error


def pickle_by_value(value: Any) -> bytes | None:
    """Return a pickle that carries along what cannot be imported elsewhere; None if there is none."""
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:  # an object may raise anything when it is pickled
        pass
    try:
        import cloudpickle  # which loads half the standard library, and every fork would pay for that

        raw: bytes = cloudpickle.dumps(value, protocol=4)
    except Exception:  # the same, or it is not installed
        return None
    return raw


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own doing
        return ""


def _read(path: str) -> dict[str, Any]:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
            raise PermissionError(path + " is not a regular file of yours")
        kept: dict[str, Any] = pickle.load(file)
    return kept


def _rebuild(raw: bytes | None) -> BaseException | None:
    if raw is None:
        return None
    try:
        error = pickle.loads(raw)
    except Exception:  # whatever its constructor, or an import, raises here
        return None
    return error if isinstance(error, BaseException) else None
