"""Runs a study on a runner that knows no more than `add`, `gather` and `compute_statistics`.

Such a runner starts commands and nothing else, so run directories, inputs and parameter files are made here. In a run,
the helpers find their parameters in the current directory.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio.to_thread

from runsemble.agent import harvest, spawn
from runsemble.closing import see_through
from runsemble.display.status import StatusDisplay
from runsemble.errors import DirectoryError, FeedError, UsageError
from runsemble.launch.environment import base_environment
from runsemble.model.resources import Request
from runsemble.model.result import describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.runners.abstract import AbstractRunner, RunState
from runsemble.runners.debug import DebugRunner
from runsemble.runners.intake import iterate
from runsemble.runners.interrupts import CURRENT
from runsemble.runners.job import End, Job, Plan, plan_fields
from runsemble.runners.options import StudyOptions
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.study import PreparedRun, Study
from runsemble.runners.table import RunTable
from runsemble.sched.retry import RetryPolicy
from runsemble.workdir.layout import current_directory
from runsemble.workdir.staging import stage_list


async def run_with_foreign_runner(
    runs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
    options: StudyOptions,
    runner: AbstractRunner,
    shows_progress: bool,
) -> MultirunResult:
    """Prepare every run, add it to `runner`, gather, and collect; see `multirun`.

    Raises:
        UsageError: The options ask for what such a runner cannot do.
        FeedError: `runs` raised, or yielded what is no parameter set; runs added before were gathered.
    """
    _refuse_unsupported(options, runner)
    study = await anyio.to_thread.run_sync(Study, options, current_directory())
    await anyio.to_thread.run_sync(study.make)
    collection = _Collection(study, runner)
    interrupts = CURRENT.get()
    if interrupts is not None:
        interrupts.begin(collection, collection.result)
    async with AsyncExitStack() as stack:
        if shows_progress:
            await stack.enter_async_context(StatusDisplay(runner.compute_statistics).keep_drawing())
        try:
            try:
                await collection.add_all(runs)
            except Exception:
                await runner.gather()  # those that were added before
                raise
            except BaseException:
                await see_through(_cancel_gather(runner))
                raise
            await runner.gather()
        finally:
            await see_through(anyio.to_thread.run_sync(collection.collect))
    return collection.result


async def _cancel_gather(runner: AbstractRunner) -> None:
    """Let a runner hear in its `gather` that nothing is wanted of it any more."""
    task = asyncio.get_running_loop().create_task(runner.gather())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


def _refuse_unsupported(options: StudyOptions, runner: AbstractRunner) -> None:
    plain = Request(tasks=options.request.tasks)
    asked = {
        "cores, gpus or mem_mib": options.request != plain,
        "timeout_s": options.timeout_s is not None,
        "retries": options.retry != RetryPolicy(),
        "max_failures or halt": bool(options.abort.halts),
        "output": options.output != "files",
        "keep": options.keep != "all",
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise UsageError(
                f"{type(runner).__name__} only starts commands, so multirun cannot see to {name} there: "
                "leave it out, or use a runner of runsemble's"
            )


class _Collection:
    """The runs of one study on a foreign runner."""

    def __init__(self, study: Study, runner: AbstractRunner) -> None:
        self._task = asyncio.current_task()
        self._study = study
        self._runner = runner
        self._states: list[RunState] = []
        self._table = RunTable()
        self.result = MultirunResult(self._table, study.output_path)
        fields = plan_fields(base_environment({}), "new", "discard", stage_list(study.staged), None, 0)
        self._files = spawn.Plan(fields)
        self._plan = Plan(0, fields, Request().shape, 1, "discard", RetryPolicy())

    async def add_all(self, runs: Iterable[Any] | AsyncIterable[Any]) -> None:
        """Prepare and add every run."""
        index = 0
        try:
            async for params in iterate(runs):
                await self._add(index, params)
                index += 1
        except UsageError as error:
            error.index, error.result = index, self.result
            raise
        except Exception as error:
            message = f"the parameter sets ended with an error at index {index}: {error!r}"
            raise FeedError(message, index=index, result=self.result) from error

    async def _add(self, index: int, params: Any) -> None:
        run = self._study.prepare(index, params)
        job = Job(self._table, self._plan, run.argv, run.directory, run.params_text, run.env)
        await anyio.to_thread.run_sync(self._make_directory, run)
        environment = [f"{name}={value}" for name, value in run.env.items()]
        argv = ["env", *environment, *run.argv] if environment else run.argv
        self._states.append(self._runner.add(argv, Path(run.directory)))
        self._table.add(job)

    def _make_directory(self, run: PreparedRun) -> None:
        base = os.fsencode(run.directory) + b"/"
        files = [list(file) for file in run.files or ()]
        try:
            os.makedirs(run.directory)
            spawn.stage(self._files, run.params_text, files, is_first=True, base=base)
        except OSError as error:
            raise DirectoryError(f"run directory {run.directory} cannot be made: {error}") from error

    def drain(self) -> int:
        """Start nothing more, if the runner can; else end it all. Return how many runs are still running."""
        if isinstance(self._runner, DebugRunner):
            self._runner.skip_waiting()
            return self._runner.compute_statistics().running_count
        return self.halt("stop")

    def halt(self, how: str) -> int:
        """End everything, by the one means that such a runner has; return how many runs there are to end."""
        if self._task is not None:
            self._task.cancel()
        return self._runner.compute_statistics().running_count

    def collect(self) -> None:
        """Take over how the runs ended, and what they posted."""
        for job, state in zip(self._table.jobs, self._states, strict=True):
            cause = judge_cause(state.returncode, None, None)
            if state.status in ("skipped", "pending"):
                job.machine.skip(Cause.ABORTED)
                job.message = "not run"
            else:
                if state.status == "success":
                    cause = Cause.OK
                elif cause is Cause.OK or state.returncode is None:
                    cause = Cause.EXIT
                job.machine.end(1, cause, RetryPolicy())
                job.message = describe_end(cause, state.returncode, None)
            self._table.statistics.move("pending", job.machine.status)
            found = harvest.result_in(os.fsencode(job.directory))
            job.last = End(state.returncode, None, (found[0], found[1]) if found else None)
            self._table.end(job)
