"""Keeps a study's record while its runs are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from runsemble.closing import see_through
from runsemble.ensemble.pen import Pen
from runsemble.ensemble.recorder import Recorder
from runsemble.errors import AgentsTakenOver, LeaseError, StoreError
from runsemble.runners.engine import Engine

#: Seconds for which the end of a study waits until its last news can be written.
LAST_WORDS_S = 5.0


@asynccontextmanager
async def recording(recorder: Recorder, writer: Pen, engine: Engine) -> AsyncIterator[None]:
    """Write down what is heard while the block runs; on return it is on disk.

    When another process takes the study over, the engine fails, and with it whoever waits for its runs.

    Args:
        recorder: Listens already.
        writer: Writes.
        engine: Where the runs are under way.
    """
    recorder.bind(engine)
    writing, beating = (_watch(work, engine) for work in (recorder.keep_writing(), writer.keep_beating()))
    try:
        yield
    finally:
        await see_through(_finish(recorder, engine, writing, beating))


@asynccontextmanager
async def beating(writer: Pen) -> AsyncIterator[None]:
    """Prove to be alive while the block runs, where nothing else does; a lost lease is for the block to find."""
    task = asyncio.get_running_loop().create_task(writer.keep_beating())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _watch(work: Coroutine[Any, Any, None], engine: Engine) -> asyncio.Task[None]:
    """Let work go on in a task; let the engine fail if the lease is lost."""

    async def watched() -> None:
        try:
            await work
        except LeaseError as error:
            engine.desert(AgentsTakenOver(str(error)))

    return asyncio.get_running_loop().create_task(watched())


async def _finish(recorder: Recorder, engine: Engine, writing: asyncio.Task[None], beating: asyncio.Task[None]) -> None:
    """Write the last news down."""
    recorder.close()
    try:
        async with asyncio.timeout(LAST_WORDS_S):
            await writing  # not cut short: what it has taken out to write would be lost
            await recorder.flush()
    except (TimeoutError, LeaseError, StoreError):
        pass  # the agents keep it, for whoever resumes
    finally:
        for task in (writing, beating):
            task.cancel()
        await asyncio.gather(writing, beating, return_exceptions=True)
        engine.end_record(recorder, is_complete=recorder.is_up_to_date)


async def forget_agents(recorder: Recorder, writer: Pen, engine: Engine) -> None:
    """Forget the agents, if they know nothing more than what is written; those of the study alone must have ended."""
    if recorder.is_up_to_date and engine.leaves_nothing:
        with suppress(LeaseError, StoreError):  # then whoever resumes finds that there is nothing to be learned
            await see_through(writer.commit([("forget_agents", [(writer.epoch, writer.guest)])]))
