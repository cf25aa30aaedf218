"""Executes ensembles on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio

from runsemble.compat.themis._scripts import BACKEND_LOG
from runsemble.compat.themis._setup import new_execution_directory, study_of
from runsemble.compat.themis._variables import EXECDIR_ENV_VAR, SETUPDIR_ENV_VAR, URI_ENV_VAR
from runsemble.ensemble.detached import start_detached
from runsemble.ensemble.driver import Drive, Execution
from runsemble.ensemble.sync import blocking
from runsemble.errors import LeaseError
from runsemble.store.reader import reading

#: Runs at the same time, when nobody says how many.
MAX_CONCURRENCY = 100
_MINUTE_S = 60.0
#: Seconds between two looks at what another process executes.
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How an ensemble is to be executed."""

    timeout: float | None = None  #: minutes; None and 0: no limit
    repeats: int = 0  #: how often to go on after that
    allow_multiple: bool = False
    max_concurrency: int | None = None

    def as_execution(self, setup_dir: str, directory: str) -> dict[str, Any]:
        """Return the arguments of an `Execution`, ready for JSON.

        Args:
            setup_dir: The ensemble's.
            directory: Of the execution.
        """
        count = self.max_concurrency
        env = {URI_ENV_VAR: study_of(setup_dir), SETUPDIR_ENV_VAR: setup_dir, EXECDIR_ENV_VAR: directory}
        return {
            "max_concurrency": MAX_CONCURRENCY if count is None or count < 1 else count,
            "counts_small": False,
            "deadline_s": self.timeout * _MINUTE_S if self.timeout and self.timeout > 0 else None,
            "repeats": self.repeats,
            "env": env,
            "log": os.path.join(directory, BACKEND_LOG),
        }


class LocalJob:
    """An execution on this machine.

    Args:
        setup_dir: The ensemble's.
        job_id: The process that drives it.
    """

    def __init__(self, setup_dir: str, job_id: int) -> None:
        self.job_id = job_id
        self._setup_dir = setup_dir

    def done(self) -> bool:
        """Tell whether it is over."""
        return blocking(_is_free)(self._setup_dir)

    def wait(self) -> None:
        """Wait until it is over."""
        blocking(_until_free)(self._setup_dir)


def execute(setup_dir: str, request: Request, *, waits: bool) -> LocalJob:
    """Execute an ensemble.

    Args:
        setup_dir: Its.
        request: How.
        waits: Return when it is over; otherwise at once, and a process of its own goes on.

    Raises:
        RuntimeError: It is being executed already, and that is not allowed.
    """
    directory = new_execution_directory(setup_dir)
    arguments = request.as_execution(setup_dir, directory)
    try:
        pid = os.getpid()
        if waits:
            _execute_here(setup_dir, Execution(**arguments))
        else:
            pid = blocking(start_detached)(study_of(setup_dir), **arguments)
    except LeaseError as error:
        _remove_if_empty(directory)
        if not request.allow_multiple:
            text = f"the ensemble in '{setup_dir}' is being executed already: {error}; allow_multiple=True takes part"
            raise RuntimeError(text) from error
        return _take_part(setup_dir, request, waits=waits)
    return LocalJob(setup_dir, pid)


def _take_part(setup_dir: str, request: Request, *, waits: bool) -> LocalJob:
    """Leave everything to the execution under way, which runs each run once; go on if it leaves something."""
    job = LocalJob(setup_dir, os.getpid())
    if waits:
        job.wait()
        if blocking(queued_count)(setup_dir):
            return execute(setup_dir, request, waits=waits)
    return job


def _execute_here(setup_dir: str, execution: Execution) -> None:
    """Drive an ensemble in this process; on SIGTERM, end what runs, then let the signal do what it does."""
    drive, received = Drive(study_of(setup_dir), execution), list[int]()
    before = signal.getsignal(signal.SIGTERM)
    is_main = threading.current_thread() is threading.main_thread() and not _is_in_loop()

    async def run() -> None:
        if not is_main or before is None:
            await drive.run()
            return
        with anyio.open_signal_receiver(signal.SIGTERM) as signals:

            async def obey() -> None:
                async for number in signals:
                    received.append(number)
                    drive.end("stop")

            task = asyncio.get_running_loop().create_task(obey())
            try:
                await drive.run()
            finally:
                task.cancel()
                await asyncio.wait([task])

    try:
        blocking(run)()
    finally:
        if is_main and before is not None:
            signal.signal(signal.SIGTERM, before)
    if received:
        signal.raise_signal(signal.SIGTERM)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def queued_count(setup_dir: str) -> int:
    """Return how many runs have not ended."""
    async with reading(study_of(setup_dir)) as reader:
        counts = await reader.counts()
    return counts["pending"] + counts["running"]


async def _is_free(setup_dir: str) -> bool:
    async with reading(study_of(setup_dir)) as reader:
        return (await reader.lease()).is_free_now


async def _until_free(setup_dir: str) -> None:
    async with reading(study_of(setup_dir)) as reader:
        while not (await reader.lease()).is_free_now:  # noqa: ASYNC110 - of another process
            await anyio.sleep(_LOOK_S)


def _remove_if_empty(directory: str) -> None:
    with suppress(OSError):
        os.rmdir(directory)
