"""The names of Karana's that scripts use to start runs, as opposed to those used inside one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from runsemble.display.status import display_status
from runsemble.model.files import FileResource
from runsemble.model.params import ParamMap
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus
from runsemble.runners import abstract, local, table
from runsemble.runners.multirun import run_study, wants_progress
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.progress import Showing
from runsemble.runners.study import StudyOptions
from runsemble.runners.sync import blocking


class Run:
    """A run's task and where it stands.

    Attributes:
        task: Ends with the run; None until there is an event loop.
        status: One of ``skipped``, ``pending``, ``running``, ``success``, ``failure``.
    """

    task: asyncio.Task[Any] | None = None
    status: RunStatus = "pending"


class _OurRun(Run):
    """A run of a runner of ours."""

    def __init__(self, run: table.Run) -> None:
        self._run = run

    @property
    def task(self) -> asyncio.Task[Any] | None:  # type: ignore[override]
        return self._run.task

    @property
    def status(self) -> RunStatus:  # type: ignore[override]
        return self._run.status

    @property
    def returncode(self) -> int | None:
        return self._run.returncode


class AbstractRunner(ABC):
    """What makes a runner."""

    @abstractmethod
    def computeStatistics(self) -> RunStatistics:  # noqa: N802
        """Count the runs by status."""

    @abstractmethod
    def add(self, cmd: list[str], cwd: Path = Path(".")) -> Run:
        """Take in a run of `cmd` in the existing directory `cwd`; return its handle."""

    @abstractmethod
    async def gather(self) -> None:
        """Wait until all runs have ended."""


class ParallelLocalRunner(AbstractRunner):
    """Runs in parallel on this machine.

    Args:
        max_parallel: Runs at the same time.

    Attributes:
        semaphore: Has as many places as runs can run at the same time. Who holds one keeps a run from starting.
        runs: Every run taken in so far.
    """

    def __init__(self, *, max_parallel: int = 4) -> None:
        self._runner = _Slots(max_parallel=max_parallel)
        self._tables: list[tuple[Sequence[table.Run] | table.RunTable, int]] = [(self._runner.runs, 0)]
        self._runs: list[Run] = []
        self._gathering: asyncio.Task[None] | None = None
        self.semaphore = _Semaphore(self._runner)

    @property
    def runs(self) -> list[Run]:
        """Every run taken in so far, those of studies included."""
        for at, (source, seen) in enumerate(self._tables):
            self._runs += [_OurRun(source[index]) for index in range(seen, len(source))]
            self._tables[at] = (source, len(source))
        return self._runs

    def computeStatistics(self) -> RunStatistics:  # noqa: N802
        """Count the runs by status."""
        return self._runner.compute_statistics()

    def add(self, cmd: list[str], cwd: Path = Path(".")) -> Run:
        """Take in a run of `cmd` in the existing directory `cwd`, and start it as soon as a place is free.

        Where no event loop runs, it starts with `gather`.
        """
        listed = self.runs  # what studies have added so far comes before
        run = _OurRun(self._runner.add(cmd, cwd))
        listed.append(run)
        self._tables[0] = (self._runner.runs, len(self._runner.runs))
        self._start()
        return run

    def _start(self) -> None:
        """Let what was added start, if there is an event loop."""
        if self._gathering is not None and not self._gathering.done():
            return
        try:
            self._gathering = asyncio.get_running_loop().create_task(self._runner.gather())
        except RuntimeError:
            return
        self._gathering.add_done_callback(self._on_gathered)

    def _on_gathered(self, task: asyncio.Task[None]) -> None:
        """Start what was added in the very last moment; a failure is raised by whoever gathers."""
        if not task.cancelled() and task.exception() is None and self._runner.runs.statistics.pending_count:
            self._start()

    async def gather(self) -> None:
        """Wait until all runs have ended; how they ended is no exception."""
        await self._runner.gather()
        if self._gathering is not None:
            await asyncio.wait([self._gathering])  # so that on return the agent is gone, too

    def _follow(self, result: MultirunResult) -> None:
        """List the runs of a study, too."""
        self._tables.append((result, 0))


class _Slots(local.ParallelLocalRunner):
    """Gives out places; cores are neither counted nor assigned."""

    @property
    def _counts_cores(self) -> bool:
        return False


class _Semaphore:
    """The places of a runner, as the semaphore that scripts know."""

    def __init__(self, runner: local.ParallelLocalRunner) -> None:
        self._runner = runner
        self._held: list[Any] = []
        self._releasing: set[asyncio.Task[Any]] = set()

    async def acquire(self) -> bool:
        """Wait for a place, and take it."""
        grant = self._runner.pool.acquire(cores=1)
        await grant.__aenter__()
        self._held.append(grant)
        return True

    def release(self) -> None:
        """Give a place back.

        Raises:
            ValueError: None was taken.
        """
        if not self._held:
            raise ValueError("release() without acquire()")
        task = asyncio.get_running_loop().create_task(self._held.pop().__aexit__(None, None, None))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._held.pop().__aexit__(None, None, None)


class _Adapter(abstract.AbstractRunner):
    """Somebody's own runner, as `runsemble.multirun` knows runners."""

    def __init__(self, theirs: AbstractRunner) -> None:
        self._theirs = theirs

    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> abstract.RunState:
        return _State(self._theirs.add(list(cmd), cwd))

    async def gather(self) -> None:
        await self._theirs.gather()

    def compute_statistics(self) -> RunStatistics:
        return self._theirs.computeStatistics()


class _State:
    """A run of somebody's own runner, as `runsemble.multirun` knows runs."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def status(self) -> RunStatus:
        return self._run.status

    @property
    def returncode(self) -> int | None:
        returncode: int | None = getattr(self._run, "returncode", None)
        return returncode


async def displayStatus(runner: AbstractRunner) -> None:  # noqa: N802
    """Show a status bar, and keep it up to date until all runs of a runner have ended."""
    await display_status(_Adapter(runner))


async def multirunAsync(  # noqa: N802
    *,
    runs: Iterable[ParamMap],
    cmd: list[str],
    output_path: Path | str | None = None,
    input_files: list[FileResource | Path | str] | None = None,
    runner: AbstractRunner | None = None,
) -> MultirunResult:
    """Run a command with varying parameters in distinct directories.

    Args:
        runs: The parameters of each run.
        cmd: The command, taken as it is.
        output_path: A new directory for the runs; one named after the time in the current directory when None.
        input_files: Files to copy or link into each run directory.
        runner: Where to run; four at a time on this machine when None.

    Returns:
        The runs and what they posted.
    """
    options = StudyOptions(cmd=cmd, output_path=output_path, input_files=input_files or (), is_literal=True)
    where: Any = ParallelLocalRunner() if runner is None else runner
    follow = None
    if isinstance(where, ParallelLocalRunner) and type(where).add is ParallelLocalRunner.add:
        where, follow = where._runner, where._follow
    elif isinstance(where, AbstractRunner):
        where = _Adapter(where)
    return await run_study(runs, options, where, Showing(wants_progress("auto")), on_begin=follow)


multirun = blocking(multirunAsync)
multirun.__name__ = multirun.__qualname__ = "multirun"
