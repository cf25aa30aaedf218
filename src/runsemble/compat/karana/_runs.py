"""Karana's `Run`, and what it is for a run of ours."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from runsemble.closing import see_through
from runsemble.model.status import RunStatus
from runsemble.runners import run as native
from runsemble.runners.pooled import END_S

if TYPE_CHECKING:
    from runsemble.compat.karana._place import Place

#: Seconds within which a run whose task was cancelled has ended.
_ENDS_WITHIN_S = 5.0 + END_S


@dataclass(eq=False)
class Run:
    """A run's task and where it stands.

    Attributes:
        task: Ends with the run; None until there is one.
        status: One of ``skipped``, ``pending``, ``running``, ``success``, ``failure``.
    """

    task: asyncio.Task[Any] | None = None
    status: RunStatus = "pending"


class OurRun(Run):
    """A run of a runner of ours. Cancelling its task ends it.

    Args:
        run: The run.
        place: Where it runs.
    """

    def __init__(self, run: native.Run, place: Place) -> None:
        self._run = run
        self._place = place
        self._task: asyncio.Future[Any] | None = None

    @property
    def task(self) -> asyncio.Task[Any] | None:
        """Ends with the run; None where no event loop runs, or only one that has nothing to do with it."""
        loop = _running_loop()
        if loop is not None and (self._task is None or self._task.get_loop() is not loop):
            self._task = self._new_task(loop)
        return self._task  # type: ignore[return-value]

    @task.setter
    def task(self, task: asyncio.Task[Any] | None) -> None:
        self._task = task

    @property
    def status(self) -> RunStatus:
        """Where the run stands."""
        return self._run.status

    @status.setter
    def status(self, status: RunStatus) -> None:
        raise AttributeError(
            f"the status of a run tells what became of it and cannot be set to {status!r}; "
            "to end a run, or to skip one that has not started, use run.task.cancel()"
        )

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the number of the signal; None before the end, or if it never ran."""
        return self._run.returncode

    @property
    def message(self) -> str:
        """How it ended, in a few words; empty before."""
        return self._run.message

    @property
    def result(self) -> Any:
        """What the run posted; None if it posted nothing.

        Raises:
            ResultError: What it left cannot be read.
        """
        return self._run.result

    def read_stdout(self, tail: int | None = None) -> bytes:
        """Return the standard output, or its last `tail` bytes; of a run that was added: the last 64 KiB of both.

        Raises:
            FileNotFoundError: The run has not started yet, or, of one that was added, not ended.
        """
        return self._run.read_stdout(tail)

    def read_stderr(self, tail: int | None = None) -> bytes:
        """Return the standard error; see `read_stdout`."""
        return self._run.read_stderr(tail)

    def __repr__(self) -> str:
        return f"Run(task={self._task!r}, status={self.status!r})"

    def _new_task(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any] | None:
        if self._run.is_done:
            return _ended(loop, self, was_cancelled=self._task is not None and self._task.cancelled())
        if not self._place.is_of(loop):
            return None
        task = loop.create_task(self._see_end())
        task.add_done_callback(self._on_done)
        return task

    async def _see_end(self) -> OurRun:
        try:
            await self._run
        except asyncio.CancelledError:
            await see_through(self._end())
            raise
        return self

    async def _end(self) -> None:
        with anyio.move_on_after(_ENDS_WITHIN_S):
            await self._place.runner.cancel(self._run)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        """End the run, too, where its task was cancelled before it could begin."""
        if task.cancelled() and not self._run.is_done:
            self._place.runner.cancel(self._run)


def _ended(loop: asyncio.AbstractEventLoop, run: Run, *, was_cancelled: bool) -> asyncio.Future[Any]:
    """Return what the task of a run that has ended would be."""
    future: asyncio.Future[Any] = loop.create_future()
    if was_cancelled:
        future.cancel()
    else:
        future.set_result(run)
    return future


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
