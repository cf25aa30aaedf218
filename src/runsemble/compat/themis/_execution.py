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
from runsemble.ensemble.drive import Drive
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.overview import drivers_of
from runsemble.ensemble.sync import blocking
from runsemble.errors import LeaseError
from runsemble.meanwhile import meanwhile
from runsemble.store.reader import reading

#: Whatever it is set to, executions keep a profile of what their driver does.
PROFILE_ENV_VAR = "THEMIS_PROFILE"
#: That, in the directory of the execution.
PROFILE = "themis_backend.pstat"
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
    parallelism: int | None = None  #: agents that start runs, side by side

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
            "allow_multiple": self.allow_multiple,
            "parallelism": None if self.parallelism is None or self.parallelism < 1 else self.parallelism,
            "profile": os.path.join(directory, PROFILE) if os.environ.get(PROFILE_ENV_VAR) else None,
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
        return not blocking(_is_at_work)(self._setup_dir, self.job_id)

    def wait(self) -> None:
        """Wait until it is over."""
        blocking(_until_over)(self._setup_dir, self.job_id)


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
        if request.allow_multiple:
            raise RuntimeError(str(error)) from error
        text = f"the ensemble in '{setup_dir}' is being executed already: {error}; allow_multiple=True takes part"
        raise RuntimeError(text) from error
    return LocalJob(setup_dir, pid)


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

            async with meanwhile(obey()):
                await drive.run()

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


async def _is_at_work(setup_dir: str, pid: int) -> bool:
    async with reading(study_of(setup_dir)) as reader:
        return any(who.pid == pid for who in await drivers_of(reader))


async def _until_over(setup_dir: str, pid: int) -> None:
    while await _is_at_work(setup_dir, pid):  # noqa: ASYNC110 - another process
        await anyio.sleep(_LOOK_S)


def _remove_if_empty(directory: str) -> None:
    with suppress(OSError):
        os.rmdir(directory)
