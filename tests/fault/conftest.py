"""Agents started by hand, and drivers in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runsemble.agent import place

from ..integration.support import Gate, processes_of, wait_until
from .caller import Caller
from .driver_process import DriverProcess
from .raw_driver import Agent, RawDriver

StartAgent = Callable[..., Agent]
Connect = Callable[..., RawDriver]
StartDriver = Callable[..., DriverProcess]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in an empty directory; no process of a study in ``out`` may be left, nor spoil the tests that follow."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    try:
        wait_until("no run is left", lambda: not processes_of(tmp_path / "out"), patience_s=5)
    finally:
        for pid in processes_of(tmp_path / "out"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def gate(here: Path) -> Gate:
    """Return a gate that holds runs up until it is opened."""
    return Gate(here / "gate")


@pytest.fixture
def start_agent() -> Iterator[StartAgent]:
    """Return a function that starts an agent, in a new place or in that of a former one."""
    agents: list[Agent] = []

    def start(directory: str | None = None, python: str = sys.executable, calls: bool = False) -> Agent:
        agents.append(Agent(directory or place.make_place(), python, calls))
        return agents[-1]

    yield start
    for agent in reversed(agents):  # a successor first: it may be about to remove the place that they share
        agent.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a function that connects to an agent and says hello."""
    drivers: list[RawDriver] = []

    def call(agent: Agent, **hello: Any) -> RawDriver:
        drivers.append(RawDriver(agent, hello))
        return drivers[-1]

    yield call
    for driver in drivers:
        driver.close()


@pytest.fixture
def start_driver(here: Path) -> Iterator[StartDriver]:
    """Return a function that starts a driver in a process of its own."""
    drivers: list[DriverProcess] = []

    def start(script: str, on_terminal: bool = False) -> DriverProcess:
        drivers.append(DriverProcess(here, script, on_terminal))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.close()


@pytest.fixture(scope="session")
def oldest_python() -> str:
    """Find a Python 3.8, the oldest one on which an agent must run."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for found in (*sorted(root.glob("versions/3.8*/bin/python3.8")), shutil.which("python3.8")):
        if found is not None and "/shims/" not in str(found):
            return str(found)
    pytest.skip("there is no python3.8 on PATH and none of pyenv's")


@pytest.fixture
def agent(start_agent: StartAgent) -> Agent:
    """An agent that starts Python calls."""
    return start_agent(calls=True)


@pytest.fixture
def caller(agent: Agent, connect: Connect, here: Path) -> Caller:
    """Return what makes calls with it."""
    return Caller(connect(agent), here)
