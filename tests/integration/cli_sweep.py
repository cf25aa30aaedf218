"""The ensemble ``sweep`` of the current directory, by way of the command line."""

from __future__ import annotations

from typing import Any

from .command_line import PROGRAM, OnTerminal, Said, runsemble
from .support import is_alive


def make(*words: str, directory: str = "sweep") -> None:
    said = runsemble("create", directory, *words)
    assert said.status == 0, said.err


def facts(*words: str) -> dict[str, Any]:
    """Return what a command says as JSON."""
    said = runsemble(*words, "--json")
    assert said.status == 0, said.err
    return said.results


def counts(directory: str = "sweep") -> dict[str, int]:
    """Return how many runs have which status, those that none has left out."""
    return {status: count for status, count in facts("status", directory)["counts"].items() if count}


def start(*words: str) -> int:
    """Start a driver; return its process id."""
    pid = facts("start", "sweep", *words)["pid"]
    assert is_alive(pid)
    return int(pid)


def on_terminal(*words: str) -> OnTerminal:
    return OnTerminal([PROGRAM, *words], 100)


def listed(said: Said) -> list[int]:
    assert said.status == 0, said.err
    return [int(word) for word in said.out.split()]
