"""Moves what an attempt has left out of the way of the next one."""

from __future__ import annotations

import os

from .files import write_file
from .later import shutil
from .protocol import OUR_FILES

_RESULTS = "results.json"
#: Holds what earlier attempts have left.
_ATTEMPTS = ".attempts"
#: A copy of what had been posted before a step, by the number of the step.
_BEFORE = _ATTEMPTS + "/before-%d.json"


def set_aside(attempt: int, step: int = 0) -> bool:
    """Move what was left in the current directory before an attempt to ``.attempts/N``, and say who is at work now.

    An attempt that goes on at a later step keeps what earlier steps have posted.

    Returns:
        False if that has been done for this attempt already, by an earlier step of it.
    """
    current = b""
    try:
        with open(_ATTEMPTS + "/current", "rb") as file:
            current = file.read()
    except FileNotFoundError:
        pass
    if current == str(attempt).encode():
        return False
    old = _ATTEMPTS + "/" + str(attempt - 1)
    left = [name for name in OUR_FILES if os.path.lexists(name)]
    if left or attempt > 1:
        os.makedirs(old, exist_ok=True)
    for name in left:
        os.rename(name, old + "/" + name)
    if step:
        if os.path.exists(_BEFORE % step):
            _copy(_BEFORE % step, _RESULTS)
    else:
        _forget_copies()
    if attempt > 1 or current:  # a former life of the directory may have had more attempts
        write_file(_ATTEMPTS + "/current", str(attempt).encode())
    return True


def keep_results(step: int) -> None:
    """Keep a copy of what earlier steps have posted, for a further attempt at this step."""
    if os.path.isfile(_RESULTS):
        os.makedirs(_ATTEMPTS, exist_ok=True)
        _copy(_RESULTS, _BEFORE % step)


def _copy(source: str, target: str) -> None:
    """Make a copy of a file appear, whole."""
    partial = _ATTEMPTS + "/copy"
    shutil.copyfile(source, partial)
    os.rename(partial, target)


def _forget_copies() -> None:
    """Remove the copies: the steps before which they were made are all made again."""
    names = os.listdir(_ATTEMPTS) if os.path.isdir(_ATTEMPTS) else []
    for name in names:
        if name.startswith("before-"):
            os.unlink(_ATTEMPTS + "/" + name)
