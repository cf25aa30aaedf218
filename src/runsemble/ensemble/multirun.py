"""`multirun`: one command over many parameter sets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import anyio.to_thread

from runsemble.ensemble.options import require_parameter_sets
from runsemble.ensemble.recording import record_new_study
from runsemble.ensemble.resuming import has_record, record_resumed_study, settle_former
from runsemble.errors import UsageError
from runsemble.model.files import FileResource, OutputMode, TemplateFile
from runsemble.model.resources import Request, accounted_memory
from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.foreign import run_with_foreign_runner
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.options import Retries, StudyOptions, retry_policy
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.pooled_study import PooledStudy
from runsemble.runners.progress import Showing
from runsemble.runners.run import Run
from runsemble.workdir.keep import Keep
from runsemble.workdir.layout import RunDirectories, current_directory, output_path_of

#: Whether a study that is there already is gone on with.
Resume: TypeAlias = Literal["failed"] | bool
Progress: TypeAlias = Literal["auto"] | bool
ParameterSets: TypeAlias = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]


async def multirun(
    *,
    runs: ParameterSets,
    cmd: Sequence[str | os.PathLike[str]] | Callable[..., Any],
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
    retries: Retries = 0,
    max_failures: int | None = None,
    halt: str | None = None,
    env: Mapping[str, str] | None = None,
    run_dir: str | None = None,
    output: OutputMode = "files",
    keep: Keep = "all",
    seed: int | None = None,
    resume: Resume = False,
    progress: Progress = "auto",
) -> MultirunResult:
    """Run a command once for every parameter set, each in a directory of its own, and return what came of it.

    Every run finds its parameters with `get_run_params` or in ``params.json``, and may post a result with
    `post_run_results` or by writing ``results.json``. How runs end is in the result, never an exception.

    Args:
        runs: Parameter sets, each a mapping of names to values; any iterable or async iterable, however long: it is
            asked for more only as runs are started.
        cmd: Program and arguments. ``{name}`` stands for a parameter, ``run_id``, ``run_dir`` or ``submit_dir``, with
            a format if wanted (``{beta:.3f}``); other braces stay, ``{{name}}`` means ``{name}`` itself. Or a function:
            it is called with the parameters as keyword arguments, in a process of its own that is forked from one
            that has imported its module; what it returns is the result.
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
        retries: Further attempts after a failure: a number, None for no limit; or numbers by cause, such as
            ``{"oom": 2, "timeout": 1}``. After ``oom`` a run gets twice the memory, after ``timeout`` twice the time,
            as far as there is more; after exit code 75 (try again later) it waits, longer each time. Failures of the
            machinery cost nothing.
        max_failures: When more runs than this have failed, no further one is started; running ones finish. What failed
            before a study was resumed does not count.
        halt: When to give the study up, as for GNU parallel: ``soon,fail=3`` starts nothing more after three failures,
            ``now,fail=5%`` also ends what runs, ``now,success=1`` looks for one success.
        env: Variables to add to the environment; placeholders as in `cmd`.
        run_dir: Name of a run's directory in `output_path`; placeholders as in `cmd`. None: its number; from the run
            10,000 on, in directories of 1,000 each: ``12000/12345``.
        output: ``files``: stdout and stderr each in a file; ``merged``: both in the file output; ``discard``: gone;
            ``tail``: the last 64 KiB of both kept with the run.
        keep: Whose directories stay, once what became of the runs has been recorded, results included: those of
            ``all`` runs; those of runs that ``failed``; likewise, and of the others ``params.json`` and
            ``results.json`` (``results``); or ``none``. What goes is gone: output, and whatever else a run wrote.
        seed: Of the random generators that functions use; None: every run draws other numbers each time.
        resume: Go on with a study in `output_path`, if there is one: runs that have ended are not executed again,
            whatever their position; what is not asked for any more stays as it is. A run is the same if parameters,
            in whatever order, the words of the command, templates and inputs are. "failed": those that failed are
            executed again, too.
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
    options = StudyOptions(
        cmd=cmd,
        output_path=output_path,
        input_files=input_files,
        templates=templates,
        request=Request(
            cores=cores, gpus=gpus, tasks=tasks, mem_mib=accounted_memory(mem_mib), named=dict(named or {})
        ),
        timeout_s=timeout_s,
        retry=retry_policy(retries),
        max_failures=max_failures,
        halt=halt,
        env=env,
        run_dir=run_dir,
        output=output,
        keep=keep,
        seed=seed,
    )
    return await run_study(runs, options, runner, Showing(wants_progress(progress)), resume=resume)


def wants_progress(progress: Progress) -> bool:
    """Tell whether a bar is to be shown; "auto" means: unless this is itself a run.

    Raises:
        UsageError: It is none of the three values.
    """
    if progress not in ("auto", True, False):
        raise UsageError(f"progress must be 'auto', True or False, not {progress!r}")
    return "RUNSEMBLE_RUN_ID" not in os.environ if progress == "auto" else progress


async def run_study(
    runs: ParameterSets,
    options: StudyOptions,
    runner: Any,
    showing: Showing,
    on_end: Callable[[Run], None] | None = None,
    on_begin: Callable[[MultirunResult], None] | None = None,
    resume: Resume = False,
) -> MultirunResult:
    """Do what `multirun` does, with the options of a study as they are.

    Args:
        runs: See `multirun`.
        options: The study.
        runner: See `multirun`.
        showing: What is shown of it.
        on_end: Called with every run that has ended, by runners with agents; must be quick.
        on_begin: Called with the result before the first run is taken in, by runners with agents.
        resume: See `multirun`.

    Raises:
        UsageError: See `multirun`; and so for the others.
    """
    require_parameter_sets(runs)
    if runner is None:
        runner = ParallelLocalRunner()
    if not isinstance(runner, AbstractRunner):
        raise UsageError(f"runner must be a runner, such as ParallelLocalRunner(), not {runner!r}")
    if not isinstance(runner, PooledRunner):
        return await run_with_foreign_runner(runs, options, runner, showing.shows_bar)
    if resume not in (True, False, "failed"):
        raise UsageError(f"resume must be True, False or 'failed', not {resume!r}")
    if resume:
        directory = output_path_of(options.output_path, current_directory())
        if options.output_path is None:
            raise UsageError("resume needs an output_path: the directory of the study to go on with")
        if await anyio.to_thread.run_sync(has_record, directory):
            base = await settle_former(directory)
            record = record_resumed_study("failed" if resume == "failed" else "pending")
            study = PooledStudy(runner, options, record, RunDirectories(directory), base)
            return await study.run(runs, showing, on_end, on_begin)
    return await PooledStudy(runner, options, record_new_study).run(runs, showing, on_end, on_begin)
