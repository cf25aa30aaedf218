"""Prepares the directories of stored runs as an execution would, and starts nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import anyio
import anyio.to_thread

from runsemble.agent import spawn
from runsemble.ensemble.book import Book, directory_mode
from runsemble.ensemble.by_hand import RunCommands
from runsemble.ensemble.errands import run_errand
from runsemble.ensemble.hooks import Hook, hook_of_run
from runsemble.errors import DirectoryError, HookFailed, UsageError
from runsemble.runners.job import plan_fields
from runsemble.runners.study import Study
from runsemble.store.reader import Reader
from runsemble.store.records import StoredRun
from runsemble.store.writer import hold_lease
from runsemble.workdir.layout import run_directory
from runsemble.workdir.staging import stage_list

#: Runs that are prepared before their hooks are called.
CHUNK = 100

OnStart = Callable[[int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a dry run has made of a run."""

    id: int
    directory: str  #: absolute
    commands: tuple[tuple[str, ...], ...] = ()  #: what would be started there, one after the other, hooks left out
    files: tuple[str, ...] = ()  #: what lies there for them, by its name
    error: Exception | None = None  #: why the run would not get as far as its first command; None if it would


async def dry_run(
    reader: Reader, directory: str, ids: Iterable[int] | None, *, calls_hooks: bool, on_start: OnStart | None
) -> list[DryRun]:
    """Prepare runs; see `Ensemble.dry_run`."""
    book = await anyio.to_thread.run_sync(Book, directory, await reader.recipes())
    stages = {number: _Stage(study) for number, study in book.studies.items()}
    made = []
    async with aclosing(_chosen(reader, directory, ids)) as chunks:
        async for runs in chunks:
            some, hooks = [], dict[int, Hook]()
            async with hold_lease(directory):
                for run in runs:
                    if on_start is not None:
                        on_start(run.id, run_directory(directory, run.id, run.directory))
                    one, hook = await anyio.to_thread.run_sync(stages[run.recipe].prepare, run, directory)
                    some.append(one)
                    if hook is not None and calls_hooks:
                        hooks[run.id] = hook
            failed = await _call_all(hooks, directory)  # they may change the study, so that the lease must be free
            made += [replace(one, error=failed[one.id]) if one.id in failed else one for one in some]
    return made


async def _chosen(reader: Reader, directory: str, ids: Iterable[int] | None) -> AsyncGenerator[list[StoredRun], None]:
    """Yield the runs that are meant, some at a time.

    Raises:
        UsageError: There is none with one of the ids, or it is running.
    """
    if ids is None:
        first = 0
        while page := await reader.page(first, CHUNK, "pending"):
            first = page[-1].id + 1
            yield page
        return
    wanted: list[StoredRun] = []
    for id_ in dict.fromkeys(ids):
        found = await reader.run(id_)
        if found is None:
            raise UsageError(f"there is no run {id_} in {directory}")
        if found.status == "running":
            raise UsageError(f"run {id_} is running, so its directory is left alone")
        wanted.append(found)
    for at in range(0, len(wanted), CHUNK):
        yield wanted[at : at + CHUNK]


async def _call_all(hooks: Mapping[int, Hook], directory: str) -> dict[int, HookFailed]:
    """Call hooks of runs, as many at a time as there are cores; return what went wrong with which."""
    failed: dict[int, HookFailed] = {}
    limiter = anyio.CapacityLimiter(len(os.sched_getaffinity(0)))

    async def call(id_: int, hook: Hook) -> None:
        async with limiter:
            problem = await run_errand(hook.errand, directory, env=hook.env)
        if problem:
            failed[id_] = HookFailed(problem)

    async with anyio.create_task_group() as tasks:
        for id_, hook in hooks.items():
            tasks.start_soon(call, id_, hook)
    return failed


class _Stage:
    """Prepares the runs of one recipe."""

    def __init__(self, study: Study) -> None:
        self._study = study
        staged, posts = stage_list(study.staged), study.posts
        fields = plan_fields({}, directory_mode(study), "discard", staged, None, 0, posts=posts)
        self._plan = spawn.Plan(fields)
        self._names = [item.name for item in study.staged]

    def prepare(self, run: StoredRun, directory: str) -> tuple[DryRun, Hook | None]:
        """Prepare a run; return what came of it, and its `prep_run`, if it has one and got so far."""
        one = DryRun(id=run.id, directory=run_directory(directory, run.id, run.directory))
        try:
            commands = RunCommands(self._study, run)
            files = _files_of(commands)
            self._fill(one.directory, commands, files)
        except UsageError as error:
            return replace(one, error=error), None
        names = dict.fromkeys([*self._names, *(name for name, _, _ in files)])
        argvs = [
            tuple(filled.argv)
            for filled, command in zip(commands.prepared.commands, commands.commands, strict=True)
            if command.call is None or command.call["kind"] != "hook"
        ]
        return replace(one, commands=tuple(argvs), files=tuple(names)), hook_of_run(commands, "prep_run")

    def _fill(self, directory: str, commands: RunCommands, files: Sequence[tuple[str, str, int]]) -> None:
        """Make a run directory, unless it is there, and put into it what a new run finds there.

        Raises:
            DirectoryError: That cannot be done; a new directory is removed again.
        """
        is_new = not os.path.lexists(directory)
        params = "" if self._plan.posts is not None else commands.prepared.params_text
        base = os.path.join(os.fsencode(directory), b"")
        own: list[list[Any]] = [list(file) for file in files]
        try:
            os.makedirs(directory, exist_ok=True)
            spawn.stage(self._plan, params, own, is_first=is_new or self._plan.is_refilled, base=base)
            for filled in commands.prepared.commands:
                os.makedirs(os.path.join(directory, filled.cwd or ""), exist_ok=True)
        except OSError as error:
            if is_new:
                with suppress(OSError):
                    shutil.rmtree(directory)
            raise DirectoryError(str(spawn.storage_trouble(error, os.fsencode(directory)))) from error


def _files_of(commands: RunCommands) -> list[tuple[str, str, int]]:
    """Return the files that a run alone has, those of later steps included."""
    prepared = commands.prepared
    return [*(prepared.files or ()), *(file for command in prepared.commands for file in command.files or ())]
