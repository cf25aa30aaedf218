"""What is done once for a whole study: its hooks, and the command for when nothing is pending any more."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread

from runsemble.ensemble.beside import last_line, run_beside
from runsemble.ensemble.private import private_directory
from runsemble.errors import UsageError
from runsemble.launch.argv import check_command
from runsemble.model.result import signal_name

#: What errands write, in the private directory.
LOG = "errands.log"

_CALL = "import sys; from runsemble.inrun.calls import main; sys.exit(main(sys.argv[1]))"


class Errand(NamedTuple):
    """A command that is run once, beside the runs."""

    name: str  #: for people
    argv: Sequence[str]
    cwd: str
    stdout: str | None = None  #: file to which its output is appended; None: the log
    stderr: str | None = None
    timeout_s: float | None = None  #: seconds it may take; None: as long as it likes


def hook_errand(name: str, settings: Mapping[str, Any]) -> Errand | None:
    """Return the errand that calls a hook of a whole study, None if there is no such hook.

    Args:
        name: Of the hook.
        settings: Of the study.
    """
    call = settings.get("hooks", {}).get(name)
    if call is None:
        return None
    argv = call_argv(call, id_of_run=-1)
    return Errand(name, argv, settings["submit_dir"], timeout_s=settings.get("hook_timeout_s"))


def call_argv(call: Mapping[str, Any], *, id_of_run: int) -> list[str]:
    """Return what makes one Python call in an interpreter of its own.

    Args:
        call: What is loaded.
        id_of_run: Combined with a seed.
    """
    return [sys.executable, "-c", _CALL, json.dumps([dict(call), {"run_id": id_of_run}])]


async def run_errand(
    errand: Errand, directory: str, *, env: Mapping[str, str] | None = None, log: str | None = None
) -> str:
    """Run an errand to its end; return what went wrong, "" if nothing did.

    It is ended when the caller is cancelled, or when it takes longer than it may.

    Args:
        errand: What to do.
        directory: Of the study.
        env: Variables to add to its environment.
        log: To which its output is appended where it has no file of its own; None: the study's.
    """
    log = log or os.path.join(private_directory(directory), LOG)
    try:
        await anyio.to_thread.run_sync(lambda: os.makedirs(os.path.dirname(log), mode=0o700, exist_ok=True))
        status = await run_beside(
            errand.argv,
            cwd=errand.cwd,
            env={**(env or {}), "RUNSEMBLE_ENSEMBLE_DIR": directory},
            stdout=errand.stdout or log,
            stderr=errand.stderr or log,
            timeout_s=errand.timeout_s,
        )
    except OSError as error:
        return f"{errand.name} could not be started: {error}"
    if status == 0:
        return ""
    if status is None:
        return f"{errand.name} took longer than {errand.timeout_s:g} s"
    how = f"ended with exit code {status}" if status > 0 else f"was ended by {signal_name(-status)}"
    said = await anyio.to_thread.run_sync(last_line, errand.stderr or log)
    return f"{errand.name} {how}" + (f": {said}" if said else "")


class Completion(NamedTuple):
    """A command for when nothing is pending any more; its paths are absolute."""

    argv: list[str]
    cwd: str  #: where it starts
    stdout: str | None  #: file to which its output is appended; None: the log of the driver
    stderr: str | None  #: the same for its errors


def completion_of(
    cmd: Sequence[str],
    cwd: str | os.PathLike[str],
    stdout: str | os.PathLike[str] | None,
    stderr: str | os.PathLike[str] | None,
) -> Completion:
    """Return a command for when nothing is pending any more.

    Raises:
        UsageError: The program is not there, or `cwd` is no directory.
    """
    words = check_command(cmd)
    here = os.path.abspath(os.fspath(cwd))
    if not os.path.isdir(here):
        raise UsageError(f"{here} is no directory, so nothing can start there")
    program = shutil.which(words[0]) if "/" not in words[0] else os.path.abspath(words[0])
    if program is None or not os.access(program, os.X_OK):
        raise UsageError(f"{words[0]} cannot be found, or cannot be executed")
    out, err = (None if path is None else os.path.abspath(os.fspath(path)) for path in (stdout, stderr))
    return Completion([os.path.abspath(program), *words[1:]], here, out, err)
