"""What a user may say when making an ensemble."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from runsemble.errors import CommandError, RequestError, UsageError
from runsemble.model.files import FileResource, OutputMode, TemplateFile
from runsemble.model.resources import Request, accounted_memory, require_count
from runsemble.model.step import Step
from runsemble.runners.options import HOOK_TIMEOUT_S, DirectoryMode, Retries, StudyOptions, retry_policy
from runsemble.workdir.keep import Keep

#: Beyond it there would be no room for the runs of a study.
MOST_FIRST_ID = 1 << 31


def require_parameter_sets(runs: Any) -> None:
    """Refuse what cannot be the runs of a study.

    Raises:
        UsageError: It is no iterable, or one of something else.
    """
    if isinstance(runs, (str, bytes, Mapping)) or not isinstance(runs, (Iterable, AsyncIterable)):
        raise UsageError(f"runs must be an iterable of parameter sets, such as [{{'beta': 0.1}}], not {runs!r}")


def study_of(
    path: str | os.PathLike[str],
    cmd: Sequence[str | os.PathLike[str]] | Callable[..., Any] | None = None,
    *,
    application: str | os.PathLike[str] | None = None,
    steps: Sequence[Step] = (),
    batch_script: bool = False,
    input_files: Iterable[FileResource | str | os.PathLike[str]] = (),
    templates: Iterable[TemplateFile | str | os.PathLike[str]] = (),
    cores: int = 1,
    gpus: int = 0,
    mem_mib: int | None = None,
    named: Mapping[str, int] | None = None,
    tasks: int = 1,
    timeout_s: float | None = None,
    retries: Retries = 0,
    abort_on: Iterable[int] = (),
    max_failures: int | None = None,
    halt: str | None = None,
    env: Mapping[str, str] | None = None,
    run_dir: str | None = None,
    directory: DirectoryMode = "new",
    output: OutputMode = "files",
    keep: Keep = "all",
    seed: int | None = None,
    hooks: str | os.PathLike[str] | None = None,
    hook_timeout_s: float | None = HOOK_TIMEOUT_S,
    first_id: int = 0,
) -> tuple[StudyOptions, int]:
    """Return an ensemble's options, checked, and the id of its first run.

    Args:
        path: Its directory.
        cmd: Program and arguments of every run, with placeholders as in `multirun`.
        application: A program that every run starts, with the arguments that its `RunSpec` names, if any; instead of
            `cmd`.
        steps: Several commands for every run, one after the other; instead of `cmd`.
        batch_script: The program is a text in which ``%%name%%`` is filled in for every run; see `Step`.
        input_files: See `multirun`; likewise for all the others that it knows.
        templates: Files that are filled in for every run.
        cores: Cores for each task of a run.
        gpus: GPUs for each task of a run.
        mem_mib: Memory for each run, in MiB.
        named: Counters of the runner's that each run needs.
        tasks: Processes of each run.
        timeout_s: Seconds after which an attempt is ended.
        retries: Further attempts after a failure, see `multirun`.
        abort_on: Exit codes after which a run is not tried again; it is ``aborted`` then.
        max_failures: When more runs than this have failed in one execution, no further one is started.
        halt: When to give up, see `multirun`.
        env: Variables to add to the environment of runs.
        run_dir: Name of a run's directory, see `multirun`.
        directory: ``new``: run directories must not exist; ``reuse``: they may; ``refill``: they may, and get every
            file anew for every attempt.
        output: What becomes of the output of runs.
        keep: Whose directories stay, see `multirun`.
        seed: Of the random generators that functions use; None: every run draws other numbers each time.
        hooks: A Python file with some of the functions ``prep_ensemble``, ``prep_run``, ``post_run``,
            ``post_ensemble``. What `post_run` returns is the run's result.
        hook_timeout_s: Seconds after which a hook is ended, and has failed; an hour unless given. None: never.
        first_id: Number of the first run.

    Raises:
        UsageError: Something makes no sense.
    """
    if (cmd is not None) + (application is not None) + bool(steps) > 1:
        raise CommandError("give one of cmd, application and steps: each says what runs do")
    if application is not None:
        cmd = [application]
    _require_list("steps", steps, "Step(...)")
    is_bare = cmd is None and not steps
    if is_bare:
        cmd = ["true"]
    if named is not None and not isinstance(named, Mapping):
        raise RequestError(f"named must be a mapping of names to numbers, such as {{'solver': 1}}, not {named!r}")
    request = Request(cores=cores, gpus=gpus, tasks=tasks, mem_mib=accounted_memory(mem_mib), named=dict(named or {}))
    if batch_script and cmd is not None:
        steps = [
            Step(cmd, cores=cores, gpus=gpus, tasks=tasks, mem_mib=mem_mib, named=named, timeout_s=timeout_s,
                 batch_script=True)
        ]  # fmt: skip
    require_count("first_id", first_id, 0)
    if first_id > MOST_FIRST_ID:
        raise RequestError(f"first_id must be at most {MOST_FIRST_ID}, not {first_id}")
    options = StudyOptions(
        cmd=cmd,
        steps=tuple(steps),
        output_path=path,
        input_files=input_files,
        templates=templates,
        request=request,
        timeout_s=timeout_s,
        retry=retry_policy(retries, abort_on),
        max_failures=max_failures,
        halt=halt,
        env=env,
        run_dir=run_dir,
        directory=directory,
        output=output,
        keep=keep,
        seed=seed,
        hooks=hooks,
        hook_timeout_s=hook_timeout_s,
        is_bare=is_bare,
    )
    return options, first_id


def _require_list(name: str, value: Any, of: str) -> None:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise UsageError(f"{name} must be a list of {of}, not {value!r}")


#: Names of the options.
NAMES = tuple(inspect.signature(study_of).parameters)[2:]


def ensemble_options(path: str | os.PathLike[str], cmd: Any, options: Mapping[str, Any]) -> tuple[StudyOptions, int]:
    """Return an ensemble's options; see `study_of`.

    Raises:
        UsageError: There is no option of a name, or something makes no sense.
    """
    for name in options:
        if name not in NAMES:
            near = get_close_matches(name, NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
            raise UsageError(f"there is no option {name!r}; {hint}")
    return study_of(path, cmd, **options)
