"""The intake: takes parameter sets from the user's iterable as runs are started, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from runsemble.errors import FeedError, UsageError
from runsemble.model import events
from runsemble.runners.admission import Admission
from runsemble.runners.engine import Engine
from runsemble.runners.job import Job
from runsemble.runners.table import RunTable

#: So many sets of a list that were not taken are listed as skipped; nobody needs a row for each of millions.
MAX_SKIPPED = 10_000


class Intake:
    """Feeds one study into an engine.

    Args:
        runs: The user's iterable.
        make_job: Turns (index, parameter set) into a job; None: there is nothing to do.
        table: Where its runs are counted.
        engine: Where they go.
    """

    def __init__(
        self,
        runs: Iterable[Any] | AsyncIterable[Any],
        make_job: Callable[[int, Any], Job | None],
        table: RunTable,
        engine: Engine,
    ) -> None:
        self._source = runs
        self._is_async = isinstance(runs, AsyncIterable)
        self._make_job = make_job
        self._table = table
        self._engine = engine
        self._admission = Admission(engine)
        self._count = 0  #: parameter sets taken
        self._task: asyncio.Task[None] | None = None
        self._is_waiting = False  #: for the iterable's next item
        self.is_stopped = False  #: nothing more is taken
        self.is_given_up = False  #: nor is what was not taken accounted for

    def stop(self) -> None:
        """Take nothing more; an iterable that is being waited for is waited for no longer."""
        self.is_stopped = True
        self._admission.tell()
        if self._is_waiting and self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Take parameter sets until there are no more, or `stop` is called.

        Raises:
            FeedError: The iterable raised.
            UsageError: It yielded what is no parameter set; `index` says where.
            AgentError: The agents cannot be kept alive.
        """
        self._task = asyncio.get_running_loop().create_task(self._take_all())
        try:
            await self._task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if not self.is_stopped or (current is not None and current.cancelling()):
                raise
        if self.is_stopped and isinstance(self._source, Sequence):
            await self._skip_rest(self._source)
        self._table.bus.publish(events.FeedEnded(len(self._table)))

    async def _take_all(self) -> None:
        with self._admission.open():
            async with aclosing(iterate(self._source)) as iterator:
                while not self.is_stopped:
                    count = self._admission.count
                    if not count:
                        await self._admission.news()
                    elif not await self._take(iterator, count):
                        break

    async def _take(self, iterator: AsyncIterator[Any], count: int) -> bool:
        """Take parameter sets that bring up to `count` runs; False when there are no more, or no more are wanted."""
        self._admission.begin()
        while count:
            index = self._count
            self._is_waiting = self._is_async
            try:
                params = await anext(iterator)
            except StopAsyncIteration:
                self._engine.pump()
                return False
            except UsageError as error:  # a parameter file that says itself what is wrong with it
                error.index = index
                raise
            except Exception as error:
                raise FeedError(
                    f"the parameter sets ended with an error at index {index}: {error!r}", index=index
                ) from error
            finally:
                self._is_waiting = False
            if self.is_stopped:
                return False
            job = self._make(index, params)
            self._count += 1
            if job is not None:
                self._table.add(job)
                self._engine.submit(job)
                count -= 1
            if self._is_async or self._admission.is_time_to_give_way:
                await self._admission.give_way()
                return True
        self._engine.pump()
        return True

    async def _skip_rest(self, runs: Sequence[Any]) -> None:
        """Account for the parameter sets of a list that were not taken; of an open-ended iterable nobody knows."""
        self._admission.begin()
        taken = self._count
        for index in range(taken, min(len(runs), taken + MAX_SKIPPED)):
            if self.is_given_up:
                return
            if self._admission.is_time_to_give_way:
                await self._admission.give_way()
            try:
                job = self._make(index, runs[index])
            except UsageError:
                return
            if job is not None:
                self._table.add(job)
                self._engine.discard(job)

    def _make(self, index: int, params: Any) -> Job | None:
        try:
            return self._make_job(index, params)
        except UsageError as error:
            error.index = index
            raise


async def iterate(source: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    """Yield the items of an iterable of either kind."""
    if isinstance(source, AsyncGenerator):
        async with aclosing(source):
            async for item in source:
                yield item
    elif isinstance(source, AsyncIterable):
        async for item in source:
            yield item
    else:
        for item in source:
            yield item
