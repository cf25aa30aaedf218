"""What it takes to start a run of a stored study by hand, as its agent started it."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from runsemble.agent import inventory, spawn
from runsemble.agent.spawn import PARAMS_IN_ENV_BYTES
from runsemble.ensemble.beside import python_path
from runsemble.ensemble.book import Book, read_own
from runsemble.ensemble.errands import call_argv
from runsemble.ensemble.pruning import KEEP
from runsemble.errors import DirectoryError, UsageError
from runsemble.inrun import PARAMS_FILE
from runsemble.launch.environment import grant_environment
from runsemble.model.resources import Grant, Request
from runsemble.runners.job import plan_fields
from runsemble.runners.study import Study
from runsemble.store.reader import Reader
from runsemble.store.records import StoredAttempt, StoredRun
from runsemble.workdir.keep import is_pruned
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


class RunCommands:
    """The commands of one run, as its agent would start them.

    Args:
        study: What the run has in common with others.
        run: As it is stored.
        attempts: Made so far; they say which cores and GPUs it had.

    Raises:
        UsageError: A command cannot be made here.
    """

    def __init__(self, study: Study, run: StoredRun, attempts: Sequence[StoredAttempt] = ()) -> None:
        params, own = read_own(study, run)
        self.commands = own or study.commands
        self.prepared = study.prepare(run.id, params, own, directory=run.directory or default_name(run.id))
        self._study, self._run, self._attempts = study, run, attempts

    def step_of(self, hook: str) -> int | None:
        """Return the step in which a hook is called, None if there is no such hook."""
        for step, command in enumerate(self.commands):
            if command.call is not None and command.call["kind"] == "hook" and command.call["name"] == hook:
                return step
        return None

    def at(self, step: int) -> RunCommand:
        """Return the command of a step."""
        study, run, command, filled = self._study, self._run, self.commands[step], self.prepared.commands[step]
        attempt, directory = _last_at(step, self._attempts), self.prepared.directory
        argv, path = filled.argv, {}
        if command.call is not None:
            argv = call_argv(study.located(command.call), id_of_run=run.id)
            path = {"PYTHONPATH": python_path()}
        return RunCommand(
            argv=argv,
            env={
                **_surroundings(study, command.request, attempt),
                **filled.env,
                **path,
                **_own_variables(run, step, directory, command.timeout_s),
            },
            directory=directory,
            cwd=os.path.normpath(os.path.join(directory, filled.cwd or "")),
            cores=_cores_of(attempt),
            step=step,
            step_count=len(self.commands),
        )

    def make_directory(self) -> None:
        """Make the directory again where it was not kept, with everything in it that was there at the run's start.

        Raises:
            DirectoryError: It cannot be made.
        """
        study, run = self._study, self.prepared
        plan = spawn.Plan(plan_fields({}, "reuse", study.options.output, stage_list(study.staged), None, 0))
        files = [list(file) for file in run.files or ()]
        try:
            os.makedirs(run.directory, exist_ok=True)
            spawn.stage(plan, run.params_text, files, is_first=False, base=os.fsencode(run.directory) + b"/")
        except OSError as error:
            raise DirectoryError(f"run directory {run.directory} cannot be made: {error}") from error


async def find_commands(reader: Reader, directory: str, id_: int) -> tuple[RunCommands, StoredRun]:
    """Return the commands of a run, and the run.

    Raises:
        UsageError: There is no such run, or a command cannot be made here.
    """
    run = await reader.run(id_)
    if run is None:
        raise UsageError(f"there is no run {id_} in {directory}")
    recipe = await reader.recipe(run.recipe)
    attempts = await reader.attempts(id_)
    return await anyio.to_thread.run_sync(_commands_of, directory, recipe, run, attempts), run


def _commands_of(
    directory: str, recipe: Mapping[str, object], run: StoredRun, attempts: Sequence[StoredAttempt]
) -> RunCommands:
    return RunCommands(Book(directory, {run.recipe: recipe}).studies[run.recipe], run, attempts)


async def find_command(reader: Reader, directory: str, id_: int) -> RunCommand:
    """Return what it takes to start a run by hand; see `Ensemble.command_of`."""
    commands, run = await find_commands(reader, directory, id_)
    if is_pruned((await reader.settings()).get(KEEP, "all"), run.status):
        await anyio.to_thread.run_sync(commands.make_directory)
        return await anyio.to_thread.run_sync(commands.at, 0)
    if not await anyio.to_thread.run_sync(os.path.isdir, commands.prepared.directory):
        raise UsageError(f"run {run.id} has no directory yet, as it has not started: without --here it is started")
    step = min(run.step, len(commands.commands) - 1)
    return await anyio.to_thread.run_sync(commands.at, step)


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
