"""What it takes to start a run of a stored study by hand, as its agent started it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from runsemble.agent import inventory, spawn
from runsemble.agent.spawn import PARAMS_IN_ENV_BYTES
from runsemble.ensemble.book import Book, read_own
from runsemble.ensemble.errands import call_argv
from runsemble.ensemble.pruning import KEEP
from runsemble.errors import DirectoryError, UsageError
from runsemble.inrun import PARAMS_FILE
from runsemble.launch.environment import grant_environment
from runsemble.model.resources import Grant, Request
from runsemble.runners.job import plan_fields
from runsemble.runners.study import PreparedRun, Study
from runsemble.store.reader import Reader
from runsemble.store.records import StoredAttempt, StoredRun
from runsemble.workdir.keep import Keep, is_pruned
from runsemble.workdir.layout import default_name
from runsemble.workdir.staging import stage_list

#: Where a run that was started by hand posts its result, so that the one in the record stays what it is.
RESULTS_BY_HAND = "results-by-hand.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCommand:
    """A command of a run, with everything that the program finds when it starts."""

    argv: list[str]
    env: dict[str, str]  #: the whole environment
    directory: str  #: of the run, absolute
    cwd: str  #: where it starts, absolute
    cores: tuple[int, ...]  #: those of its last attempt; empty where they were not counted
    step: int  #: from 0
    step_count: int

    def shell_line(self, environ: Mapping[str, str]) -> str:
        """Return a line for a shell that starts it.

        Args:
            environ: The environment of that shell; only what differs is written.
        """
        words = ["env", "-C", self.cwd]
        for name in sorted(environ.keys() - self.env.keys()):
            words += ["-u", name]
        words += [f"{name}={value}" for name, value in sorted(self.env.items()) if environ.get(name) != value]
        if self.cores and shutil.which("taskset") is not None:
            words += ["taskset", "-c", ",".join(map(str, self.cores))]
        return shlex.join([*words, *self.argv])


async def find_command(reader: Reader, directory: str, id_: int) -> RunCommand:
    """Return what it takes to start a run by hand; see `Ensemble.command_of`."""
    run = await reader.run(id_)
    if run is None:
        raise UsageError(f"there is no run {id_} in {directory}")
    recipes = await reader.recipes()
    attempts = await reader.attempts(id_)
    keep = (await reader.settings()).get(KEEP, "all")
    return await anyio.to_thread.run_sync(_command_of, directory, recipes, keep, run, attempts)


def _command_of(
    directory: str, recipes: Mapping[int, Mapping[str, object]], keep: Keep, run: StoredRun,
    attempts: Sequence[StoredAttempt],
) -> RunCommand:  # fmt: skip
    study = Book(directory, {run.recipe: recipes[run.recipe]}).studies[run.recipe]
    params, own = read_own(study, run)
    prepared = study.prepare(run.id, params, own, directory=run.directory or default_name(run.id))
    is_anew = is_pruned(keep, run.status)
    if is_anew:
        _make_directory(study, prepared)
    elif not os.path.isdir(prepared.directory):
        raise UsageError(f"run {run.id} has no directory yet, as it has not started: without --here it is started")
    commands = own or study.commands
    step = 0 if is_anew else min(run.step, len(commands) - 1)
    filled = prepared.commands[step]
    argv, call = filled.argv, commands[step].call
    if call is not None:
        argv = call_argv(study.located(call), id_of_run=run.id)
    env = {
        **_surroundings(study, commands[step].request, _last_at(step, attempts)),
        **filled.env,
        **({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} if call is not None else {}),
        **_own_variables(run, step, prepared.directory, commands[step].timeout_s),
    }
    return RunCommand(
        argv=argv,
        env=env,
        directory=prepared.directory,
        cwd=os.path.normpath(os.path.join(prepared.directory, filled.cwd or "")),
        cores=_cores_of(_last_at(step, attempts)),
        step=step,
        step_count=len(commands),
    )


def _make_directory(study: Study, run: PreparedRun) -> None:
    """Make the directory of a run again that was not kept, and everything in it that was there at its start."""
    plan = spawn.Plan(plan_fields({}, "reuse", study.options.output, stage_list(study.staged), None, 0))
    files = [list(file) for file in run.files or ()]
    try:
        os.makedirs(run.directory, exist_ok=True)
        spawn.stage(plan, run.params_text, files, is_first=False, base=os.fsencode(run.directory) + b"/")
    except OSError as error:
        raise DirectoryError(f"run directory {run.directory} cannot be made: {error}") from error


def _last_at(step: int, attempts: Sequence[StoredAttempt]) -> StoredAttempt | None:
    return next((one for one in reversed(attempts) if one.step == step), None)


def _cores_of(attempt: StoredAttempt | None) -> tuple[int, ...]:
    text = (attempt.cores if attempt is not None else None) or ""
    return tuple(int(core) for core in text.split(",") if core)


def _surroundings(study: Study, request: Request, attempt: StoredAttempt | None) -> dict[str, str]:
    """Return the environment that every run with these needs starts from, and what it sees of its grant."""
    gpus = tuple(gpu for gpu in ((attempt.gpus if attempt is not None else None) or "").split(",") if gpu)
    vendor = inventory.usable_gpus()[0] if gpus else ""
    grant = Grant(0, _cores_of(attempt), gpus, request.shape)
    return {**study.base_environment(request), **grant_environment(grant, request.tasks, vendor)}


def _own_variables(run: StoredRun, step: int, directory: str, timeout_s: float | None) -> dict[str, str]:
    """Return what the agent tells a run of itself; the run key is not among it, which would make it the agent's."""
    env = {
        "RUNSEMBLE_RUN_ID": str(run.id),
        "RUNSEMBLE_ATTEMPT": str(max(1, run.attempt)),
        "RUNSEMBLE_STEP": str(step),
        "RUNSEMBLE_RUN_DIR": directory,
        "RUNSEMBLE_RESULTS": os.path.join(directory, RESULTS_BY_HAND),
    }
    if run.params_text:
        is_long = len(run.params_text.encode("utf-8", "surrogatepass")) > PARAMS_IN_ENV_BYTES
        env["RUNSEMBLE_PARAMS"] = f"@{os.path.join(directory, PARAMS_FILE)}" if is_long else run.params_text
    if timeout_s is not None:
        env["RUNSEMBLE_DEADLINE"] = f"{time.time() + timeout_s:.3f}"
    return env
