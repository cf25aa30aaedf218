"""The list of checks that every runner must pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.require import require
from runsemble.testing.rig import Factory, Rig

#: Longest time for one check, in seconds, so that a runner that hangs fails instead.
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of a runner, and how to find out whether it keeps it."""

    name: str  #: a fragment of a sentence
    promise: str  #: what is promised, in full
    needs_pool: bool  #: asks for more than the three methods of `AbstractRunner`
    body: Callable[[Rig], Awaitable[None]]

    def why_not(self, runner: AbstractRunner) -> str | None:
        """Say why the check makes no sense for a runner, None if it does."""
        if self.needs_pool and not isinstance(runner, PooledRunner):
            return f"{type(runner).__name__} is no PooledRunner: it has add, gather and compute_statistics only"
        return None

    async def run(self, factory: Factory) -> None:
        """Try the promise on fresh runners; see `check_runner` for the factory.

        Raises:
            AssertionError: It is not kept; the text says in what way.
        """
        with Rig(factory) as rig:
            try:
                async with asyncio.timeout(LIMIT_S):
                    await self.body(rig)
            except TimeoutError as error:
                raise AssertionError(f"not over after {LIMIT_S:g} s") from error
            finally:
                rig.close_gates()
            left = await rig.wait_leftovers()
            require(not left, "left behind: " + "; ".join(left))


#: Every check, by name, in the order in which they are made.
CHECKS: dict[str, Check] = {}


def any_runner(body: Callable[[Rig], Awaitable[None]]) -> Check:
    """Register a check that needs `add`, `gather` and `compute_statistics` only."""
    return _register(body, needs_pool=False)


def pooled_runner(body: Callable[[Rig], Awaitable[None]]) -> Check:
    """Register a check that needs a `PooledRunner`."""
    return _register(body, needs_pool=True)


def _register(body: Callable[[Rig], Awaitable[None]], needs_pool: bool) -> Check:
    name = getattr(body, "__name__", "")
    assert name not in CHECKS
    made = CHECKS[name] = Check(name, body.__doc__ or "", needs_pool, body)
    return made
