"""Transactions that are cancelled in the middle."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from runsemble.store.reader import reading
from runsemble.store.writer import create_study


@pytest.mark.parametrize("turns", range(8))
def test_a_commit_that_is_cancelled_is_whole_and_the_next_one_goes_well(tmp_path: Path, turns: int) -> None:
    kinds = asyncio.run(commit_cancelled_after(turns, str(tmp_path)))
    assert kinds in (["third"], ["first", "second", "third"])


async def commit_cancelled_after(turns: int, directory: str) -> list[str]:
    """Cancel a commit after so many turns of the event loop, then commit something else; return what was written."""
    async with create_study(directory, {"base": 0}, {}) as writer:
        statements = [("add_events", [(time.time(), "first", "")]), ("add_events", [(time.time(), "second", "")])]
        task = asyncio.create_task(writer.commit(statements))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer.commit([("add_events", [(time.time(), "third", "")])])
    async with reading(directory) as reader:
        return [kind for _, kind, _ in await reader.events()]
