"""Work that is done while a block of code runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Have work done in a task while the block runs; afterwards it is over, done or cancelled.

    It is for work that goes on by itself until the block ends. What it raises does not end the block.

    Args:
        work: The work.

    Yields:
        Its task.
    """
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
