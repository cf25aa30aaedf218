"""The awaitable face of the pool: semaphores sized to cores and GPUs, for user code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from runsemble.errors import RequestError
from runsemble.model.resources import Grant, Request
from runsemble.sched.pool import Usage

if TYPE_CHECKING:
    from runsemble.runners.engine import Engine


class EngineOwner(Protocol):
    """A runner, as far as the pool is concerned."""

    @property
    def engine(self) -> Engine:
        """The engine, while the runner is running."""

    async def enter(self, request: Request) -> Engine:
        """Count one more user of the engine, and open it for the first."""

    async def leave(self) -> None:
        """Count one user less."""


class ResourcePool:
    """What a runner may use. User code takes its share in the same queue as the runs."""

    def __init__(self, runner: EngineOwner) -> None:
        self._runner = runner

    @property
    def usage(self) -> Usage:
        """What is in use now, by runs and by user code.

        Raises:
            RunnerClosed: The runner is not running, so nothing is.
        """
        return self._runner.engine.pool.usage

    @asynccontextmanager
    async def acquire(
        self, cores: int = 1, gpus: int = 0, mem_mib: int = 0, named: Mapping[str, int] | None = None
    ) -> AsyncIterator[Grant]:
        """Wait for cores, GPUs and the like, and hold them while the block runs.

        For example::

            async with runner.pool.acquire(cores=4, gpus=1) as grant:
                ...  # grant.cores and grant.gpus say which

        Raises:
            RequestError: The machine can never give that much.
        """
        request = Request(cores=cores, gpus=gpus, mem_mib=mem_mib, named=dict(named or {}))
        engine = await self._runner.enter(request)
        try:
            problem = engine.pool.why_never(request.shape)
            if problem:
                raise RequestError(problem)
            grant = await engine.request(request.shape)
            try:
                yield grant
            finally:
                engine.give_back(grant)
        finally:
            await self._runner.leave()
