"""Hooks of a stored study, called by hand: in a process of their own, or in this one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from runsemble import codec
from runsemble.ensemble.beside import scratch_directory
from runsemble.ensemble.by_hand import RunCommands, find_commands
from runsemble.ensemble.errands import Errand, hook_errand, run_errand
from runsemble.errors import HookFailed, UsageError
from runsemble.inrun import RESULTS_FILE
from runsemble.inrun.calls import FAILED, load_interface
from runsemble.inrun.failures import read_exception
from runsemble.launch.hooks import OF_RUNS, OF_STUDIES
from runsemble.store.reader import Reader

#: Variables that tell where a hook is called.
_OURS = "RUNSEMBLE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A hook, with what it finds when it is called."""

    name: str
    path: str  #: of the file
    cwd: str  #: where it is called, absolute
    env: Mapping[str, str]  #: variables
    errand: Errand  #: calls it in a process of its own

    def call(self) -> Any:
        """Call it in this process, in its directory, where a debugger can look into it; return its value.

        The file is imported anew. What the hook changes in the environment, or of the current directory, is put back.

        Raises:
            Exception: Whatever it raises, or importing its file.
        """
        with _standing_in(self.cwd, self.env):
            function = getattr(load_interface(self.path), self.name, None)
            return None if function is None else function()


async def find_hook(reader: Reader, directory: str, name: str, run: int | None = None) -> Hook | None:
    """Return a hook, None if there is no such hook; see `Ensemble.hook`."""
    is_of_runs = name in OF_RUNS
    if not is_of_runs and name not in OF_STUDIES:
        raise UsageError(f"there is no hook {name!r}; there are {', '.join((*OF_RUNS, *OF_STUDIES))}")
    if is_of_runs != (run is not None):
        raise UsageError(f"{name} is called for a run: say which" if is_of_runs else f"{name} is called for no run")
    if run is None:
        return _hook_of_study(await reader.settings(), directory, name)
    commands, _ = await find_commands(reader, directory, run)
    return await anyio.to_thread.run_sync(hook_of_run, commands, name)


def _hook_of_study(settings: Mapping[str, Any], directory: str, name: str) -> Hook | None:
    errand = hook_errand(name, settings)
    if errand is None:
        return None
    path = settings["hooks"][name]["path"]
    return Hook(name=name, path=path, cwd=errand.cwd, env={"RUNSEMBLE_ENSEMBLE_DIR": directory}, errand=errand)


def hook_of_run(commands: RunCommands, name: str) -> Hook | None:
    """Return a hook of a run, None if there is no such hook."""
    step = commands.step_of(name)
    if step is None:
        return None
    command, call = commands.at(step), commands.commands[step].call
    assert call is not None
    errand = Errand(name, command.argv, command.cwd, timeout_s=commands.commands[step].timeout_s)
    return Hook(name=name, path=call["path"], cwd=command.cwd, env=command.env, errand=errand)


async def call_for_value(hook: Hook, directory: str) -> Any:
    """Call a hook of a run in a process of its own; return its value, which is not recorded.

    Args:
        hook: It.
        directory: Of the study.

    Raises:
        Exception: What it raised.
        HookFailed: It crashed, or took too long.
    """
    await anyio.to_thread.run_sync(lambda: os.makedirs(hook.cwd, exist_ok=True))
    async with scratch_directory() as scratch:
        posted = os.path.join(scratch, RESULTS_FILE)
        problem = await run_errand(hook.errand, directory, env={**hook.env, "RUNSEMBLE_RESULTS": posted})
        return await anyio.to_thread.run_sync(_value_in, scratch, problem)


def _value_in(scratch: str, problem: str) -> Any:
    error = read_exception(scratch)
    if isinstance(error, HookFailed):
        return FAILED
    if isinstance(error, Exception):
        raise error
    if problem:
        raise HookFailed(problem)
    try:
        with open(os.path.join(scratch, RESULTS_FILE), encoding="utf-8", errors="surrogatepass") as file:
            return codec.decode(file.read(), allow_pickle=True)
    except FileNotFoundError:
        return None


@contextmanager
def _standing_in(cwd: str, env: Mapping[str, str]) -> Iterator[None]:
    """Make this process stand where a hook is called while the block runs."""
    here, before = os.getcwd(), dict(os.environ)
    try:
        _take_environment({**{name: value for name, value in before.items() if not name.startswith(_OURS)}, **env})
        os.makedirs(cwd, exist_ok=True)
        os.chdir(cwd)
        yield
    finally:
        os.chdir(here)
        _take_environment(before)


def _take_environment(env: Mapping[str, str]) -> None:
    for name in os.environ.keys() - env.keys():
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
