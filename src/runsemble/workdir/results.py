"""Reads what a run posted."""

from __future__ import annotations

import os
import stat
from typing import Any

from runsemble import codec
from runsemble.errors import ResultError


def decode_result(text: str | bytes, path: str, allow_pickle: bool) -> Any:
    """Return the value in the text of a results file.

    Raises:
        ResultError: The text is no JSON, or a pickle that is not allowed or cannot be loaded.
    """
    try:
        return codec.decode(text, allow_pickle=allow_pickle)
    except PermissionError as error:
        raise ResultError(f"{path}: {error}", path=path) from None
    except ValueError as error:
        raise ResultError(f"{path} is not valid JSON (was it written only in part?): {error}", path=path) from None
    except codec.CannotUnpickle as error:
        raise ResultError(f"{path} holds a pickle that cannot be loaded here: {error}", path=path) from error


def read_result(path: str, allow_pickle: bool) -> Any:
    """Return the value in a results file, which must be a regular file of this user's.

    Raises:
        ResultError: It cannot be read, belongs to somebody else, or does not hold a result.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ResultError(f"{path} cannot be read: {error.strerror}", path=path) from error
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
        os.close(fd)
        raise ResultError(f"{path} is not a regular file of yours, so it is not read", path=path)
    with open(fd, "rb") as file:
        return decode_result(file.read(), path, allow_pickle)


def read_posted(result: tuple[str, Any], path: str, allow_pickle: bool, rescued: str | None = None) -> Any:
    """Return the value of a result.

    Args:
        result: As the agent found it; see `agent.harvest.result_in`.
        path: Where it found it.
        allow_pickle: Load a result that is no plain data.
        rescued: Where it is if the directory of its run was removed.

    Raises:
        ResultError: It cannot be read.
    """
    kind, what = result
    if kind == "text":
        return decode_result(what.encode("utf-8", "surrogateescape"), path, allow_pickle)
    if kind == "file":
        try:
            return read_result(path, allow_pickle)
        except ResultError as error:
            if rescued is None or not _is_missing(error):
                raise
            missing = error
        try:
            return read_result(rescued, allow_pickle)
        except ResultError as error:
            if _is_missing(error):
                raise missing from missing.__cause__
            raise
    raise ResultError(f"{path} {what}, so it is not read", path=path)


def _is_missing(error: ResultError) -> bool:
    return isinstance(error.__cause__, FileNotFoundError)
