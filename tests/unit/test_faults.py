"""Fault points: reached in order, and a fuse that burns once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from runsemble.testing import faults


class Clerk:
    """Something with methods that can be fault points."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def write(self, word: str) -> str:
        self.done.append(word)
        return word

    async def write_later(self, word: str) -> str:
        await asyncio.sleep(0)
        return self.write(word)


@pytest.fixture
def clerk(monkeypatch: pytest.MonkeyPatch) -> Clerk:
    for name in ("write", "write_later"):
        monkeypatch.setattr(Clerk, name, getattr(Clerk, name))
    return Clerk()


def test_a_wrapped_function_still_does_what_it_did(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    monkeypatch.setattr(faults, "reach", reached.append)
    faults.before(Clerk, "write", "before")
    faults.after(Clerk, "write", "after", lambda _, word: word == "b")
    assert [clerk.write("a"), clerk.write("b")] == ["a", "b"]
    assert reached == ["before", "before", "after"]
    assert clerk.done == ["a", "b"]


async def test_a_coroutine_function_is_reached_when_it_is_done(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    monkeypatch.setattr(faults, "reach", lambda point: reached.append(f"{point} {clerk.done}"))
    faults.before(Clerk, "write_later", "before")
    faults.after(Clerk, "write_later", "after")
    assert await clerk.write_later("a") == "a"
    assert reached == ["before []", "after ['a']"]


def test_a_fuse_kills_at_its_point_and_only_once(tmp_path: Path) -> None:
    fuse = faults.Fuse(str(tmp_path))
    fuse.arm("here", ["worker"], count=2)
    statuses = []
    for _ in range(2):
        pid = os.fork()
        if not pid:
            faults.enlist("worker", str(tmp_path))
            for point in ("there", "here", "here", "here"):
                faults.reach(point)
            os._exit(0)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    assert statuses == [-signal.SIGKILL, 0]
    assert fuse.fired == ["here"]
    assert not fuse.is_armed
    assert not fuse.disarm()
    assert faults.members("worker", str(tmp_path)) == []


def test_a_fuse_that_was_disarmed_does_nothing(tmp_path: Path) -> None:
    fuse = faults.Fuse(str(tmp_path))
    fuse.arm("here", ["worker"])
    assert fuse.disarm()
    faults.reach("here")
    assert fuse.fired == []
