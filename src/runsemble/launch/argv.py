"""The argument list that starts a run."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

from runsemble.errors import CommandError
from runsemble.launch.placeholders import ShellText
from runsemble.model.text import why_no_bytes


def check_command(cmd: Any) -> list[str]:
    """Return a command as a list of strings.

    Args:
        cmd: A non-empty list of strings, bytes or paths. Bytes keep their value even if they are no UTF-8.

    Raises:
        CommandError: Anything else.
    """
    if isinstance(cmd, (str, bytes)):
        raise CommandError(
            f"cmd must be a list of strings such as ['python', 'model.py']; it is the string {cmd!r}: use shlex.split()"
        )
    if not isinstance(cmd, Sequence):
        raise CommandError(f"cmd must be a list of strings such as ['python', 'model.py'], not a {type(cmd).__name__}")
    if not cmd:
        raise CommandError("cmd is empty; give the program and its arguments, such as ['python', 'model.py']")
    words = []
    for at, word in enumerate(cmd):
        if not isinstance(word, (str, bytes, os.PathLike)):
            raise CommandError(f"cmd[{at}] must be a string, not {word!r} (of type {type(word).__name__})")
        text = os.fsdecode(word)
        problem = why_no_bytes(text)
        if problem:
            raise CommandError(f"cmd[{at}] {problem}")
        words.append(text)
    if not words[0]:
        raise CommandError("cmd[0], the program, is an empty string")
    return words


def shell(text: str) -> list[str]:
    """Return the command that has the shell ``/bin/sh`` run a text, with pipes, redirections and all.

    Placeholders in it are filled in quoted, so that the shell takes each for one word, whatever it holds.

    Raises:
        CommandError: The text is empty.
    """
    if not text.strip():
        raise CommandError("the shell command is empty")
    return ["/bin/sh", "-c", ShellText(text)]


def resolve_program(program: str, submit_dir: str, staged: Collection[str]) -> str:
    """Return the program of a command as a run must name it.

    A name without a slash is left to PATH, a staged file to the run directory; any other path means the file as seen
    from the caller's directory.
    """
    if "/" not in program or os.path.normpath(program) in staged:
        return program
    return os.path.normpath(os.path.join(submit_dir, program))


def mpirun_argv(mpirun: str, tasks: int, argv: Sequence[str]) -> list[str]:
    """Return the argument list that starts `tasks` processes; see also `environment.mpi_environment`.

    Source: the MPI standard's recommendation for ``mpiexec -n``, which every implementation follows.
    """
    return [mpirun, "-n", str(tasks), *argv]
