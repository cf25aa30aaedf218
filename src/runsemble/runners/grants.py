"""The awaitable face of the pool: semaphores sized to cores and GPUs, for user code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from runsemble.errors import RequestError
from runsemble.model.resources import Grant, Request, accounted_memory, require_count
from runsemble.sched.pool import PoolUsage

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
    def usage(self) -> PoolUsage:
        """What is in use now, by runs and by user code.

        Raises:
            RunnerClosed: The runner is not running, so nothing is.
        """
        return self._runner.engine.pool.usage

    @asynccontextmanager
    async def acquire(
        self, cores: int = 1, gpus: int = 0, mem_mib: int | None = None, named: Mapping[str, int] | None = None
    ) -> AsyncIterator[Grant]:
        """Wait for cores, GPUs and the like, and hold them while the block runs.

        For example::

            async with runner.pool.acquire(cores=4, gpus=1) as grant:
                ...  # grant.cores and grant.gpus say which

        Args:
            cores: How many; 0 for a share of something else only.
            gpus: How many.
            mem_mib: How much, in MiB.
            named: Counters of the runner's, such as licences.

        Raises:
            RequestError: The machine can never give that much.
            AgentError: The agents of the runner could not be started, or cannot be kept alive.
        """
        require_count("cores", cores, 0)
        request = Request(cores=cores or 1, gpus=gpus, mem_mib=accounted_memory(mem_mib), named=dict(named or {}))
        shape = replace(request.shape, cores=cores)
        engine = await self._runner.enter(request)
        try:
            problem = engine.pool.why_never(shape)
            if problem:
                raise RequestError(problem)
            grant = await engine.request(shape)
            try:
                yield grant
            finally:
                engine.give_back(grant)
        finally:
            await self._runner.leave()
