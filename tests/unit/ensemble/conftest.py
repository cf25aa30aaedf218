"""A stored study for the recorder and the desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runsemble.store.reader import Reader, reading
from runsemble.store.writer import Writer, create_study


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    """Return the writer of a new study without runs."""
    async with create_study(str(tmp_path), {"base": 0, "first_id": 0}, {}) as writer:
        yield writer


@pytest.fixture
async def reader(writer: Writer) -> AsyncIterator[Reader]:
    """Return a reader of it."""
    async with reading(writer.directory) as reader:
        yield reader
