"""Assertions that hold under ``python -O`` too, and waits that are bounded."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from runsemble.agent import proc

#: Longest wait for something that a check expects, in seconds.
PATIENCE_S = 15.0
#: Seconds between two looks.
LOOK_S = 0.005


def require(condition: bool, sentence: str) -> None:
    """Fail the check with a sentence unless the condition holds.

    Raises:
        AssertionError: It does not.
    """
    if not condition:
        raise AssertionError(sentence)


def require_equal(what: str, found: object, wanted: object) -> None:
    """Fail the check unless what was found is what was wanted.

    Raises:
        AssertionError: It is not.
    """
    require(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


async def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds that only looking can tell, such as one of other processes.

    Raises:
        AssertionError: It did not within `timeout_s` seconds; the text names `what`.
    """
    give_up = time.monotonic() + timeout_s
    while not condition():
        require(time.monotonic() < give_up, f"waited {timeout_s:g} s for {what}")
        await asyncio.sleep(LOOK_S)


async def wait_file(*parts: str | os.PathLike[str]) -> None:
    """Wait until a file exists that a run is to make; its path is joined from its parts.

    Raises:
        AssertionError: It did not come.
    """
    path = os.path.join(*parts)
    await wait_until(lambda: os.path.exists(path), f"a run to write {path}")


async def wait_gone(pid: int, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a process has ended, waited for by its parent or not.

    Raises:
        AssertionError: It lives on.
    """
    await wait_until(lambda: not is_alive(pid), f"process {pid} to end", timeout_s)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and has not ended."""
    return os.path.exists(f"/proc/{pid}") and not proc.is_zombie(pid)
