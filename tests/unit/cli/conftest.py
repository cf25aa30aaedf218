from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory, and nothing to be read on standard input."""
    monkeypatch.chdir(tmp_path)
    with open(os.devnull) as null:
        monkeypatch.setattr(sys, "stdin", null)
        yield tmp_path


@pytest.fixture
def pipe_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Put some bytes into standard input, which ends after them."""
    read, write = os.pipe()
    with os.fdopen(read) as stream, os.fdopen(write, "wb") as sender:

        def send(data: bytes) -> None:
            monkeypatch.setattr(sys, "stdin", stream)
            sender.write(data)
            sender.close()

        yield send
