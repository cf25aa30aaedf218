"""`multirun`: one command over many parameter sets."""

from __future__ import annotations

import operator
import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal

import anyio.to_thread

from runsemble.errors import AgentError, FeedError, RequestError, UsageError
from runsemble.model import events
from runsemble.model.files import FileResource, OutputMode, TemplateFile
from runsemble.model.resources import Request, accounted_memory
from runsemble.model.status import Cause
from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.foreign import run_with_foreign_runner
from runsemble.runners.intake import Intake
from runsemble.runners.interrupts import CURRENT
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.progress import show_progress
from runsemble.runners.study import Study, StudyOptions, current_directory, stage_list
from runsemble.runners.table import Job, Plan, plan_fields

Progress = Literal["auto"] | bool


async def multirun(
    *,
    runs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
    cmd: Sequence[str | os.PathLike[str]],
    output_path: str | os.PathLike[str] | None = None,
    input_files: Iterable[FileResource | str | os.PathLike[str]] = (),
    templates: Iterable[TemplateFile | str | os.PathLike[str]] = (),
    runner: AbstractRunner | None = None,
    cores: int = 1,
    gpus: int = 0,
    mem_mib: int | None = None,
    named: Mapping[str, int] | None = None,
    tasks: int = 1,
    timeout_s: float | None = None,
    retries: int = 0,
    max_failures: int | None = None,
    halt: str | None = None,
    env: Mapping[str, str] | None = None,
    run_dir: str = "{run_id}",
    output: OutputMode = "files",
    progress: Progress = "auto",
) -> MultirunResult:
    """Run a command once for every parameter set, each in a directory of its own, and return what came of it.

    Every run finds its parameters with `get_run_params` or in ``params.json``, and may post a result with
    `post_run_results` or by writing ``results.json``. How runs end is in the result, never an exception.

    Args:
        runs: Parameter sets, each a mapping of names to values; any iterable or async iterable, however long: it is
            asked for more only as runs are started.
        cmd: Program and arguments. ``{name}`` stands for a parameter, ``run_id``, ``run_dir`` or ``submit_dir``, with
            a format if wanted (``{beta:.3f}``); other braces stay, ``{{name}}`` means ``{name}`` itself.
        output_path: New directory for the study; ``multirun-<date>-<time>`` in the current directory when None.
        input_files: Files that every run directory gets; patterns are allowed.
        templates: Text files that are filled in for every run directory; ``%%name%%`` stands for a parameter.
        runner: Where to run; on all cores of this machine when None. A runner that was entered is left running.
        cores: Cores for each task of a run.
        gpus: GPUs for each task of a run.
        mem_mib: Memory for each run, in MiB; a run that uses more is ended. None: neither accounted nor limited.
        named: Counters of the runner's that each run needs, such as licences: ``{"solver": 1}``.
        tasks: Processes of each run; more than one are started with ``mpirun``.
        timeout_s: Seconds after which an attempt is ended.
        retries: Further attempts after a failure.
        max_failures: When more runs than this have failed, no further one is started; running ones finish.
        halt: When to give the study up, as for GNU parallel: ``soon,fail=3`` starts nothing more after three failures,
            ``now,fail=5%`` also ends what runs, ``now,success=1`` looks for one success.
        env: Variables to add to the environment; placeholders as in `cmd`.
        run_dir: Name of a run's directory in `output_path`; placeholders as in `cmd`.
        output: ``files``: stdout and stderr each in a file; ``merged``: both in the file output; ``discard``: gone;
            ``tail``: the last 64 KiB of both kept with the run.
        progress: Show a bar, or lines where there is no terminal, on stderr. "auto": unless this is itself a run.

    Returns:
        The runs, in the order of their parameter sets.

    Raises:
        UsageError: The request makes no sense. Where a parameter set is at fault, `.index` says which, and `.result`
            holds the runs so far; running ones were stopped. If none had run, nothing is left behind.
        FeedError: `runs` itself raised; likewise.
        AgentError: The agent that starts the runs could not be started, or kept alive; then `.result` holds the runs
            so far.
    """
    if progress not in ("auto", True, False):
        raise UsageError(f"progress must be 'auto', True or False, not {progress!r}")
    if isinstance(runs, (str, bytes, Mapping)) or not isinstance(runs, (Iterable, AsyncIterable)):
        raise UsageError(f"runs must be an iterable of parameter sets, such as [{{'beta': 0.1}}], not {runs!r}")
    options = StudyOptions(
        cmd=cmd,
        output_path=output_path,
        input_files=input_files,
        templates=templates,
        request=Request(
            cores=cores, gpus=gpus, tasks=tasks, mem_mib=accounted_memory(mem_mib), named=dict(named or {})
        ),
        timeout_s=timeout_s,
        retries=retries,
        max_failures=max_failures,
        halt=halt,
        env=env,
        run_dir=run_dir,
        output=output,
    )
    shows_progress = "RUNSEMBLE_RUN_ID" not in os.environ if progress == "auto" else progress
    if runner is None:
        runner = ParallelLocalRunner()
    if not isinstance(runner, AbstractRunner):
        raise UsageError(f"runner must be a runner, such as ParallelLocalRunner(), not {runner!r}")
    if not isinstance(runner, PooledRunner):
        return await run_with_foreign_runner(runs, options, runner, shows_progress)
    return await _StudyOnRunner(runner, options).run(runs, shows_progress)


class _StudyOnRunner:
    """One call of `multirun` on a runner with agents."""

    def __init__(self, runner: PooledRunner, options: StudyOptions) -> None:
        self._runner = runner
        self._options = options

    async def run(
        self, runs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]], shows_progress: bool
    ) -> MultirunResult:
        request = self._options.request
        study = await anyio.to_thread.run_sync(Study, self._options, current_directory())
        async with AsyncExitStack() as stack:
            engine = await self._runner.enter(request)
            stack.push_async_callback(self._runner.leave)
            problem = engine.pool.why_never(request.shape)
            if problem:
                raise RequestError(problem)
            await anyio.to_thread.run_sync(study.make)
            table = self._runner.new_table()
            stack.callback(self._runner.end_table, table)
            self._table = table
            result = self._result = MultirunResult(table, study.output_path)
            self._total = _length(runs)
            if shows_progress:
                await stack.enter_async_context(show_progress(table, self._runner.bus, self._total))
            self._intake = Intake(runs, self._job_maker(study), table, engine)
            if self._options.abort.halts:
                table.bus.listen(self._watch, events.RunEnded)
            interrupts = CURRENT.get()
            if interrupts is not None:
                interrupts.begin(self, result)
            try:
                await self._intake.run()
                await engine.settled(table)
            except (FeedError, UsageError) as error:
                await self._end(Cause.ABORTED)
                if not table.statistics.ended_count:
                    await anyio.to_thread.run_sync(study.discard)
                error.result = result
                raise
            except AgentError as error:
                await self._end(Cause.AGENT_LOST)
                error.result = result
                raise
            except BaseException:
                await self._end(Cause.CANCELLED)
                raise
        return result

    def _job_maker(self, study: Study) -> Any:
        options = self._options
        fields = plan_fields(
            study.base_environment(),
            "new",
            options.output,
            stage_list(study.staged),
            options.timeout_s,
            options.request.mem_mib,
        )
        plan: Plan = self._runner.new_plan(options.request, fields, options.retries)
        table, next_number = self._table, self._runner.next_number

        def make_job(index: int, params: Any) -> Job:
            run = study.prepare(index, params)
            return Job(table, next_number(), plan, run.argv, run.directory, run.params_text, run.env, run.files)

        return make_job

    def _watch(self, event: events.Event) -> None:
        """Give the study up when it has come to what `halt` or `max_failures` says."""
        if not isinstance(event, events.RunEnded) or self._intake.is_stopped:
            return
        stats = self._table.statistics
        halt = self._options.abort.verdict(stats, self._total)
        if halt is None:
            return
        self._result.halted = halt
        reason = halt.reason(stats)
        self.drain()
        if halt.when == "now":
            self._runner.stop(self._table, Cause.ABORTED)
        self._table.bus.publish(events.Aborted(reason))

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""
        self._intake.stop()
        self._runner.engine.skip_waiting(lambda job: job.table is self._table)
        return self._table.statistics.running_count

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs ("stop" or "kill"); return how many runs there are to end."""
        self._intake.stop()
        self._runner.stop(self._table, Cause.KILLED, how)
        return self._table.statistics.running_count

    async def _end(self, cause: Cause) -> None:
        """End every run of this study, and wait until they have ended; bounded, and not cut short."""
        self._intake.stop()
        await self._runner.end_study(self._table, cause)


def _length(runs: object) -> int | None:
    """Return how many parameter sets there will be, None if nobody knows."""
    count = operator.length_hint(runs, -1)
    return count if count >= 0 else None
