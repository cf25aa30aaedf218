"""A directory of its own for every test, and the study as a test words it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from runsemble import MultirunResult, multirun

from .command_line import runsemble
from .support import Gate, processes_of, wait_until


class RunStudy(Protocol):
    """Runs a study in a loop of its own, and returns what came of it."""

    def __call__(self, *cmd: Any, runs: Iterable[Any] = ({},), **arguments: Any) -> MultirunResult: ...


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(here: Path) -> RunStudy:
    """Return a function that runs a command over parameter sets; the output lies in ``out``, then ``out2`` and on."""
    count = 0

    def run_study(*cmd: Any, runs: Iterable[Any] = ({},), **arguments: Any) -> MultirunResult:
        nonlocal count
        count += 1
        arguments.setdefault("output_path", "out" if count == 1 else f"out{count}")
        arguments.setdefault("progress", False)
        return asyncio.run(multirun(runs=runs, cmd=cmd, **arguments))

    return run_study


@pytest.fixture
def gate(here: Path) -> Gate:
    """Return a gate that holds runs up until it is opened."""
    return Gate(here / "gate")


@pytest.fixture
def no_driver_left(here: Path) -> Iterator[None]:
    """End a driver that a failed test has left behind in ``sweep``."""
    yield
    if (here / "sweep/runsemble.db").exists():
        runsemble("stop", "sweep", "--now")
        wait_until("nothing runs", lambda: not processes_of(here / "sweep"))
