"""Prepares runs that are added one by one with parameters, each in a directory of its own.

What has to be looked for on disk is looked for in a thread: inputs and templates once for a kind of run, programs and
forgotten inputs once for a command. Until that is done its runs wait here, and those added after them too, so that
order is kept.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio.to_thread

from runsemble.closing import see_through
from runsemble.errors import UsageError
from runsemble.model.status import Cause
from runsemble.runners.admission import SLICE_S
from runsemble.runners.job import Job, Plan, plan_fields
from runsemble.runners.options import StudyOptions
from runsemble.runners.study import Study
from runsemble.workdir.layout import RunDirectories, current_directory, make_output_directory, output_path_of
from runsemble.workdir.staging import stage_list


@dataclass(slots=True)
class Kind:
    """What runs have in common whose inputs and needs are the same."""

    study: Study  #: with the command of the latest of them
    plan: Plan


class _Order(NamedTuple):
    job: Job
    key: Hashable
    options: StudyOptions
    params: Mapping[str, Any]
    submit_dir: str


class Workshop:
    """Prepares runs in the order in which they were added.

    Args:
        output_path: New directory for their directories; named after the time, in the current directory, when None.
        make_plan: Turns (options, fields of a plan message) into a plan.
        on_ready: Called with every job that is prepared.
        on_failure: Called with every job that cannot be, and why.
    """

    def __init__(
        self,
        output_path: str | os.PathLike[str] | None,
        make_plan: Callable[[StudyOptions, dict[str, Any]], Plan],
        on_ready: Callable[[Job], None],
        on_failure: Callable[[Job, Cause, str], None],
    ) -> None:
        self._wanted = output_path
        self._make_plan = make_plan
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._orders: deque[_Order] = deque()
        self._kinds: dict[Hashable, Kind] = {}
        self._copied: dict[str, str] = {}  #: shared copies made so far: where, and of what
        self._directories: RunDirectories | None = None
        self._opening: Study | None = None  #: whose inputs are being copied, in a thread
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits here."""
        return not self._orders

    @property
    def jobs(self) -> list[Job]:
        """The runs that wait here."""
        return [order.job for order in self._orders]

    def order(self, job: Job, key: Hashable, options: StudyOptions, params: Mapping[str, Any]) -> None:
        """Prepare a run, now if its kind is known, else soon.

        Raises:
            UsageError: It makes no sense; only where its kind and its command are known.
        """
        kind = self._kinds.get(key)
        if kind is not None and kind.study.cmd == options.cmd and not self._orders:
            self._prepare(job, kind, params)
            self._on_ready(job)
            return
        self._orders.append(_Order(job, key, options, params, current_directory()))
        self.start()

    def withdraw(self, jobs: Collection[Job]) -> list[Job]:
        """Prepare runs no more; return those that were here."""
        gone = [order.job for order in self._orders if order.job in jobs]
        self._orders = deque(order for order in self._orders if order.job not in jobs)
        return gone

    def start(self) -> None:
        """Work on what waits, if there is an event loop."""
        if not self._orders or (self._task is not None and not self._task.done()):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._task = loop.create_task(self._work())

    async def finish(self) -> None:
        """Wait until nothing waits here."""
        self.start()
        if self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Work no further; what waits goes on waiting."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    async def _work(self) -> None:
        while self._orders:
            give_way_at = time.monotonic() + SLICE_S
            _, key, options, _, submit_dir = self._orders[0]
            try:
                kind = await self._find_kind(key, options, submit_dir)
            except Exception as error:
                for order in self._take(key, options.cmd):
                    self._fail(order, error)
            else:
                for order in self._take(key, options.cmd):
                    self._finish(order, kind)
                    if time.monotonic() > give_way_at:
                        break
            await asyncio.sleep(0)

    async def _find_kind(self, key: Hashable, options: StudyOptions, submit_dir: str) -> Kind:
        """Return the kind of a run, with its command; read from disk what is not known yet.

        Raises:
            UsageError: Something that runs of this kind, or this command, need cannot be had.
        """
        kind = self._kinds.get(key)
        if kind is None:
            study = await self._in_thread(self._open, options, submit_dir)
            kind = self._kinds[key] = Kind(study, self._plan(study, options))
        elif kind.study.cmd != options.cmd:
            kind.study = await self._in_thread(kind.study.with_command, options.cmd)
        return kind

    async def _in_thread(self, function: Callable[..., Study], *args: Any) -> Study:
        """Let a function work in a thread, to its end: the next to open anything must find what this one leaves."""
        return await see_through(anyio.to_thread.run_sync(function, *args), self._make_haste)

    def _make_haste(self) -> None:
        if self._opening is not None:
            self._opening.give_up()

    def _take(self, key: Hashable, cmd: Sequence[str | os.PathLike[str]]) -> Iterator[_Order]:
        """Take out the orders of one kind and command at the head of the queue; withdrawn ones are not there."""
        while self._orders and self._orders[0].key == key and self._orders[0].options.cmd == cmd:
            yield self._orders.popleft()

    def _finish(self, order: _Order, kind: Kind) -> None:
        try:
            self._prepare(order.job, kind, order.params)
        except Exception as error:  # whatever is wrong with this run, the others must not suffer from it
            self._fail(order, error)
        else:
            self._on_ready(order.job)

    def _fail(self, order: _Order, error: Exception) -> None:
        message = str(error) if isinstance(error, UsageError) else f"it cannot be prepared: {error!r}"
        self._on_failure(order.job, Cause.STAGING, message)

    def _open(self, options: StudyOptions, submit_dir: str) -> Study:
        """Find and copy what a kind of run needs; in a thread.

        Raises:
            UsageError: That cannot be had.
        """
        if self._directories is None:
            path = output_path_of(self._wanted, submit_dir)
            self._directories = RunDirectories(make_output_directory(path, is_named=self._wanted is not None))
        study = self._opening = Study(options, submit_dir, self._directories)
        study.copy_inputs(self._copied)
        return study

    def _plan(self, study: Study, options: StudyOptions) -> Plan:
        stage = stage_list(study.staged)
        request = options.request
        env = study.base_environment(request)
        fields = plan_fields(env, "new", options.output, stage, options.timeout_s, request.mem_mib)
        return self._make_plan(options, fields)

    def _prepare(self, job: Job, kind: Kind, params: Mapping[str, Any]) -> None:
        run = kind.study.prepare(job.id, params)
        job.plan = kind.plan
        job.argv, job.directory, job.env, job.files = run.argv, run.directory, run.env, run.files
