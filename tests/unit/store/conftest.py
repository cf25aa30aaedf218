"""A stored study with some runs, and the means to write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runsemble.store.reader import Reader, reading
from runsemble.store.records import NewRun
from runsemble.store.writer import Writer, create_study

#: How many runs `directory` has, pending.
COUNT = 5


@pytest.fixture
async def directory(tmp_path: Path) -> str:
    """Return the directory of a study with some pending runs, which nobody drives."""
    async with create_study(str(tmp_path), {"base": 0, "first_id": 0}, {"cmd": ["true"]}) as writer:
        rows = [NewRun(id_, 1, f'{{"x": {id_}}}') for id_ in range(COUNT)]
        await writer.commit([("add_runs", rows), ("count_in", [(COUNT, 0)])])
    return str(tmp_path)


@pytest.fixture
async def reader(directory: str) -> AsyncIterator[Reader]:
    """Return a reader of the study."""
    async with reading(directory) as reader:
        yield reader


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Writer]:
    """Return the writer of a new study without runs."""
    path = tmp_path / "empty"
    path.mkdir()
    async with create_study(str(path), {}, {}) as writer:
        yield writer
