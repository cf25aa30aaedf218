"""How an ensemble is executed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from runsemble.ensemble.detached import start_detached
from runsemble.ensemble.driver import Driver
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.looking import Looking
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import LeaseError, NothingPending, UsageError
from runsemble.meanwhile import meanwhile
from runsemble.model.resources import require_count
from runsemble.model.status import StoredStatus
from runsemble.model.step import require_seconds
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import Showing
from runsemble.store.reader import reading

#: Seconds between two looks for runs that have ended.
LOOK_S = 0.1
#: Seconds between two tries to drive what another process drives.
BUSY_S = 1.0


class Executing(Looking):
    """What executes an ensemble, here or in a process of its own."""

    _driver: Driver | None = None  #: the latest one in this process

    async def execute(
        self,
        *,
        blocking: bool = True,
        max_concurrency: int | None = None,
        runner: Callable[[], PooledRunner] | None = None,
        progress: bool = False,
        orphans: str = "finish",
        only: Sequence[int] | None = None,
        deadline_s: float | None = None,
        parallelism: int | None = None,
        allow_multiple: bool = False,
    ) -> None:
        """Execute what is pending.

        Args:
            blocking: Return when nothing is pending any more; otherwise at once: then a process of its own drives the
                ensemble, and outlives this one.
            max_concurrency: Runs at the same time; None: as many as the cores allow.
            runner: Makes the runner; None: one for this machine.
            progress: Show a bar.
            orphans: What becomes of runs when their driver dies: "finish" or "kill".
            only: Ids of the pending runs that are meant; None: all.
            deadline_s: Seconds from now, after which what runs is ended and is pending again. Nothing starts that
                cannot finish before that, as far as can be told from the runs that have ended.
            parallelism: Agents that start runs, side by side; None: one, and further ones where runs are so short, or
                cores so many, that this pays. A runner of your own has a number of its own.
            allow_multiple: Where another process drives it, take part as its guest: this process gets some of the
                runs, each of which is executed once, and ends when it gets no more. A guest goes on with the ensemble,
                should its driver die.

        Raises:
            LeaseError: Another process drives it, and `allow_multiple` is not set, or it takes no guests.
            NothingPending: Nothing is pending.
            UsageError: Options contradict each other.
        """
        if parallelism is not None:
            require_count("parallelism", parallelism, 1)
            if runner is not None:
                raise UsageError("parallelism is the runner's: ParallelLocalRunner(agents=…), or leave out runner")
        if allow_multiple and only is not None:
            raise UsageError("a guest takes what it is given: leave out only, or allow_multiple")
        if max_concurrency is not None:
            require_count("max_concurrency", max_concurrency, 1)
        if orphans not in ("finish", "kill"):
            raise UsageError(f"orphans must be 'finish' or 'kill', not {orphans!r}")
        require_seconds("deadline_s", deadline_s)
        counts = await self.counts()
        if not counts["pending"] and not counts["running"]:
            raise NothingPending(f"nothing is pending in {self.path}: add runs, or requeue some")
        if not blocking:
            if runner is not None:
                raise UsageError("a runner cannot be handed to another process: leave out runner, or blocking=False")
            await start_detached(
                self.path,
                max_concurrency=max_concurrency,
                orphans=orphans,
                only=only,
                deadline_s=deadline_s,
                parallelism=parallelism,
                allow_multiple=allow_multiple,
            )
            return
        execution = Execution(
            max_concurrency=max_concurrency,
            make_runner=runner,
            showing=Showing(progress),
            orphans=orphans,
            only=only,
            deadline_s=deadline_s,
            parallelism=parallelism,
            allow_multiple=allow_multiple,
        )
        driver = self._driver = Driver(self.path, execution)
        await driver.run()

    async def completed(self, **execution: Any) -> AsyncGenerator[EnsembleRun, None]:
        """Execute what is pending, and yield every run as it ends; it ends when no run is left.

        It ends before that when the execution does: when it is drained or stopped, or gives up after too many failures.
        Where another process drives the ensemble already, its runs are yielded as they end there. Runs may be added
        or requeued in the body of the loop.

        Args:
            execution: See `execute`.
        """
        async with self._looking() as look:
            after = await look.reader.last_end()
            async with self._executing(execution) as has_ended:
                while True:
                    is_over = has_ended() or await look.is_over()
                    ends = await look.reader.ends(after)
                    for seq, id_ in ends:
                        after = seq
                        yield await look.run(id_)
                    if is_over and not ends and (has_ended() or await look.is_over()):
                        return
                    if not ends:
                        await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _executing(self, execution: Mapping[str, Any]) -> AsyncIterator[Callable[[], bool]]:
        """Drive the ensemble in a task while the block runs, unless somebody does already."""

        async def drive() -> None:
            while True:
                before = await self._stand()
                if not before[0]["pending"] and not before[0]["running"]:
                    await asyncio.sleep(LOOK_S)
                    continue
                self._driver = None
                try:
                    await self.execute(**execution)
                except LeaseError:
                    await asyncio.sleep(BUSY_S)
                    continue
                except NothingPending:  # whoever drove it has ended just now
                    continue
                if self._was_ended or await self._stand() == before:  # what is pending will not start here
                    return

        async with meanwhile(drive()) as task:
            yield task.done
            if task.done():
                task.result()

    @property
    def _was_ended(self) -> bool:
        """Whether the latest driver in this process was told to end, or gave up, before nothing was pending."""
        return self._driver is not None and self._driver.was_ended

    async def _stand(self) -> tuple[dict[StoredStatus, int], int]:
        """Return what changes with everything that happens to runs."""
        async with reading(self.path) as reader:
            return await reader.counts(), await reader.last_end()
