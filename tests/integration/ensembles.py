"""What tests of ensembles share: small ones, and waiting for what their drivers do."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from runsemble.ensemble.ensemble import Ensemble

from .support import LOOK_S, PATIENCE_S

T = TypeVar("T")


async def made(*cmd: str, runs: int = 3, path: str = "sweep", **options: Any) -> Ensemble:
    """Return a new ensemble of runs with a parameter ``x``, their number."""
    return await Ensemble.create(path, runs=[{"x": x} for x in range(runs)], cmd=list(cmd), **options)


def shell(text: str) -> tuple[str, str, str]:
    """Return a command that a shell carries out."""
    return ("sh", "-c", text)


async def until(what: str, look: Callable[[], Awaitable[T]]) -> T:
    """Look again and again until there is something to see; return it.

    Raises:
        TimeoutError: There was nothing to see in time.
    """
    give_up = time.monotonic() + PATIENCE_S
    while not (seen := await look()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"in vain waited {PATIENCE_S:g} s until {what}")
        await asyncio.sleep(LOOK_S)
    return seen


@asynccontextmanager
async def driven(ensemble: Ensemble, **execution: Any) -> AsyncIterator[None]:
    """Have another process drive an ensemble while the block runs; at its end everything has to be over soon."""
    await ensemble.execute(blocking=False, **execution)
    driver = await ensemble.driver()
    try:
        yield
        await until("nothing is left to do", lambda: is_idle(ensemble))
    finally:
        if not await is_idle(ensemble):
            await ensemble.stop(how="kill")
            await until("its driver has ended", lambda: is_idle(ensemble))
        if driver is not None:
            with suppress(ChildProcessError):  # whoever started it may have taken its end in already
                await asyncio.to_thread(os.waitpid, driver.pid, 0)


async def is_idle(ensemble: Ensemble) -> bool:
    """Tell whether nobody drives an ensemble."""
    return await ensemble.driver() is None
