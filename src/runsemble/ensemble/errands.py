"""What is done once for a whole study: its hooks, and the command for when nothing is pending any more."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import anyio.to_thread

from runsemble.ensemble.private import private_directory
from runsemble.errors import UsageError
from runsemble.launch.argv import check_command
from runsemble.launch.environment import base_environment

#: What errands write, in the private directory.
LOG = "errands.log"
#: Seconds between TERM and KILL for one that takes too long.
GRACE_S = 5.0

_CALL = "import sys; from runsemble.inrun.calls import main; sys.exit(main(sys.argv[1]))"


class Errand(NamedTuple):
    """A command that is run once, beside the runs."""

    name: str  #: for people
    argv: Sequence[str]
    cwd: str
    stdout: str | None = None  #: file to which its output is appended; None: the log
    stderr: str | None = None


def hook_errand(call: Mapping[str, Any], cwd: str) -> Errand:
    """Return the errand that calls a hook of a whole study.

    Args:
        call: What is loaded, see `launch.hooks`.
        cwd: Where it starts.
    """
    return Errand(str(call["name"]), call_argv(call, id_of_run=-1), cwd)


def call_argv(call: Mapping[str, Any], *, id_of_run: int) -> list[str]:
    """Return what makes one Python call in an interpreter of its own.

    Args:
        call: What is loaded.
        id_of_run: Combined with a seed.
    """
    return [sys.executable, "-c", _CALL, json.dumps([dict(call), {"run_id": id_of_run}])]


async def run_errand(
    errand: Errand,
    directory: str,
    timeout_s: float | None = None,
    *,
    env: Mapping[str, str] | None = None,
    log: str | None = None,
) -> str:
    """Run an errand to its end; return what went wrong, "" if nothing did.

    It is ended when the caller is cancelled, or when it takes longer than `timeout_s` seconds.

    Args:
        errand: What to do.
        directory: Of the study.
        timeout_s: Seconds; None: no limit.
        env: Variables to add to its environment.
        log: To which its output is appended where it has no file of its own; None: the study's.
    """
    log = log or os.path.join(private_directory(directory), LOG)
    try:
        process = await anyio.to_thread.run_sync(_start, errand, directory, log, env or {})
    except OSError as error:
        return f"{errand.name} could not be started: {error}"
    try:
        async with asyncio.timeout(timeout_s):
            status = await anyio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
    except TimeoutError:
        await _end(process)
        return f"{errand.name} took longer than {timeout_s:g} s"
    except BaseException:
        await _end(process)
        raise
    if status == 0:
        return ""
    said = await anyio.to_thread.run_sync(_last_line, errand.stderr or log)
    return f"{errand.name} ended with exit code {status}" + (f": {said}" if said else "")


def _start(errand: Errand, directory: str, log: str, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
    env = base_environment(os.environ)
    env |= {**more, "RUNSEMBLE_ENSEMBLE_DIR": directory, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    os.makedirs(os.path.dirname(log), mode=0o700, exist_ok=True)
    with open(errand.stdout or log, "ab") as out, open(errand.stderr or log, "ab") as err:
        return subprocess.Popen(
            list(errand.argv), cwd=errand.cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip


async def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        await anyio.to_thread.run_sync(process.wait, GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await anyio.to_thread.run_sync(process.wait)


def _last_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def completion_setting(
    cmd: Sequence[str],
    cwd: str | os.PathLike[str],
    stdout: str | os.PathLike[str] | None,
    stderr: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    """Return what is written down of a command for when nothing is pending any more, with absolute paths.

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
    files = {"stdout": stdout, "stderr": stderr}
    return {
        "argv": [os.path.abspath(program), *words[1:]],
        "cwd": here,
        **{name: None if path is None else os.path.abspath(os.fspath(path)) for name, path in files.items()},
    }
