"""Makes a run directory and starts a process in it.

A run must find everything as under a plain shell: signal dispositions, signal mask, descriptors, umask. The agent is
single-threaded, so it enters the run directory itself and lets `os.posix_spawn` (vfork, in C) do the rest: no fork of
a Python process, no shell in between.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat

from .files import write_file
from .frames import to_bytes
from .protocol import DISK_FULL, NOT_LAUNCHED, NOT_STAGED, OUR_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Signals whose disposition Python or the agent has changed.
_RESET = [s for s in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, getattr(signal, "SIGXFSZ", 0)) if s]
_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC

#: A larger parameter set travels by file, since environment and arguments share one limit of the kernel.
PARAMS_IN_ENV_BYTES = 4096
_PARAMS = b"params.json"
#: How the name ends under which a file is made; no input may be called so.
PARTIAL = b".runsemble-partial"


class Trouble(Exception):
    """An attempt could not be started; `kind` is one of the protocol's words for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Plan:
    """What many runs have in common."""

    __slots__ = ("env", "is_fresh", "mem_mib", "output", "relative", "resolved", "stage", "timeout_s")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.is_fresh: bool = fields["directory"] == "new"  #: make the directory; else it is there already
        self.env = {to_bytes(k): to_bytes(v) for k, v in fields["env"].items()}
        self.output: str = fields["output"]
        self.stage = [(how, to_bytes(source), to_bytes(name)) for how, source, name in fields["stage"]]
        self.timeout_s: float | None = fields["timeout_s"]
        self.mem_mib: int = fields["mem_mib"]
        self.relative: dict[tuple[bytes, bytes], bytes] = {}  #: source and directory above -> path from there
        self.resolved: dict[tuple[bytes, bytes], bytes] = {}  #: program and PATH -> path, so PATH is searched once

    def relative_to(self, source: bytes, directory: bytes) -> bytes:
        """Return `source` as seen from `directory`; runs side by side see it alike, so that is worked out once."""
        above, name = os.path.split(directory)
        relative = self.relative.get((source, above))
        if relative is None or not name:
            relative = self.relative[source, above] = os.path.relpath(source, directory)
        return relative

    def resolve(self, program: bytes, search: bytes) -> bytes:
        """Return the path of a program that is given by name, found in the directories of `search` (as in PATH).

        Raises:
            Trouble: PATH does not hold it.
        """
        if b"/" in program:
            return program
        path = self.resolved.get((program, search))
        if path is None:
            found = shutil.which(os.fsdecode(program), path=os.fsdecode(search))
            if found is None:
                raise Trouble(NOT_LAUNCHED, "command not found: " + os.fsdecode(program))
            path = os.path.abspath(os.fsencode(found))
            if os.path.isabs(found):
                self.resolved[program, search] = path
        return path


def spawn(
    plan: Plan, directory: bytes, attempt: int, params: str, files: list[list[Any]] | None, argv: list[bytes],
    env: dict[bytes, bytes], scratch: bytes,
) -> int:  # fmt: skip
    """Prepare `directory`, start `argv` in it as the leader of a new session, and return its process id.

    On return the current directory is `directory`.

    Args:
        plan: What the run shares with others.
        directory: Absolute path.
        attempt: Number of the attempt; from the second on, what the former one left is moved aside.
        params: JSON text for ``params.json``; empty for a run without.
        files: The run's own files: name, text, permission bits.
        argv: The command.
        env: The whole environment.
        scratch: File for output of which only the tail is kept.

    Raises:
        Trouble: With a sentence that says what failed, and where. A fresh directory that could not be filled is
            removed again; where only the command could not be started, it stays.
    """
    made = enter(plan, directory, attempt)
    try:
        stage(plan, params, files, is_first=made or attempt == 1)
        out, err = open_outputs(plan.output, scratch)
    except OSError as error:
        if made:
            _unmake(directory)
        raise _storage_trouble(error, directory) from None
    try:
        return _spawn_here(plan, argv, env, out, err)
    finally:
        os.close(out)
        if err != out:
            os.close(err)


def _spawn_here(plan: Plan, argv: list[bytes], env: dict[bytes, bytes], out: int, err: int) -> int:
    actions = ((os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2))
    search = env.get(b"PATH", b"/usr/bin:/bin")
    path = plan.resolve(argv[0], search)
    try:
        return os.posix_spawn(path, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_RESET)
    except OSError as error:
        plan.resolved.pop((argv[0], search), None)
        raise Trouble(NOT_LAUNCHED, _launch_message(error, path)) from None
    except ValueError as error:
        raise Trouble(NOT_LAUNCHED, "cannot start " + os.fsdecode(path) + ": " + str(error)) from None


def enter(plan: Plan, directory: bytes, attempt: int) -> bool:
    """Make `directory` the current one; make it first if the plan says so. Tell whether it was made.

    Raises:
        Trouble: It cannot be made or entered, or a first attempt finds it there already.
    """
    made = False
    try:
        if plan.is_fresh and (attempt == 1 or not os.path.lexists(directory)):
            try:
                os.mkdir(directory)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(directory), exist_ok=True)
                os.mkdir(directory)
            made = True
        os.chdir(directory)
        if attempt > 1 and not made:
            set_aside(attempt)
    except FileExistsError:
        raise Trouble(NOT_STAGED, os.fsdecode(directory) + " exists already, so it cannot be a new run's own") from None
    except OSError as error:
        raise _storage_trouble(error, directory) from None
    return made


def set_aside(attempt: int) -> None:
    """Move what the former attempt left in the current directory to ``.attempts/N``, and say who is at work now."""
    old = ".attempts/" + str(attempt - 1)
    os.makedirs(old, exist_ok=True)
    for name in OUR_FILES:
        try:
            os.rename(name, old + "/" + name)
        except FileNotFoundError:
            pass
    write_file(".attempts/current", str(attempt).encode())


def stage(plan: Plan, params: str, files: list[list[Any]] | None, is_first: bool, base: bytes = b"") -> None:
    """Put the input files and ``params.json`` into a run directory.

    Args:
        plan: Says which files.
        params: JSON text for ``params.json``; empty for a run without.
        files: The run's own files: name, text, permission bits.
        is_first: Whether this is the first attempt; later ones stage only what an earlier one did not come to.
        base: The directory, with a slash at its end; empty: the current one.
    """
    for how, source, name in plan.stage:
        target = base + name
        if is_first or not os.path.lexists(target):
            _stage_one(plan, how, source, target)
    for own, text, mode in files or ():
        target = base + to_bytes(own)
        if is_first or not os.path.lexists(target):
            _write_own(target, to_bytes(text), mode)
    if params:
        write_file(base + _PARAMS, params.encode("utf-8", "surrogatepass"))


def _stage_one(plan: Plan, how: str, source: bytes, target: bytes) -> None:
    """Make one input file or directory appear, whole."""
    parent = os.path.dirname(target)
    if parent:
        os.makedirs(parent, exist_ok=True)
    if how == "relative":
        os.symlink(plan.relative_to(source, os.path.abspath(parent)), target)
        return
    if how == "link":
        os.symlink(source, target)
        return
    partial = _partial(target)
    if stat.S_ISDIR(os.stat(source).st_mode):
        shutil.copytree(os.fsdecode(source), os.fsdecode(partial), symlinks=True)
    else:
        shutil.copy2(source, partial)
    os.rename(partial, target)


def _write_own(target: bytes, content: bytes, mode: int) -> None:
    """Make one file of the run's own appear, whole."""
    parent = os.path.dirname(target)
    if parent:
        os.makedirs(parent, exist_ok=True)
    partial = _partial(target)
    write_file(partial, content)
    os.chmod(partial, mode)
    os.rename(partial, target)


def _partial(target: bytes) -> bytes:
    """Return the path at which a file is made before it gets its name; nothing is there, not even a link."""
    partial = target + PARTIAL
    try:
        os.unlink(partial)
    except FileNotFoundError:
        pass
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
    return partial


def open_outputs(mode: str, scratch: bytes) -> tuple[int, int]:
    """Open what becomes stdout and stderr; here rather than in the child, so that an error names the file."""
    if mode == "files":
        out = os.open(b"stdout", _OUTPUT, 0o666)
        try:
            return out, os.open(b"stderr", _OUTPUT, 0o666)
        except BaseException:
            os.close(out)
            raise
    name = {"merged": b"output", "tail": scratch}.get(mode, b"/dev/null")
    both = os.open(name, _OUTPUT, 0o666)
    return both, both


def _unmake(directory: bytes) -> None:
    """Remove a new directory that could not be filled."""
    os.chdir("/")
    try:
        shutil.rmtree(directory)
    except OSError:
        pass


def _storage_trouble(error: OSError, directory: bytes) -> Trouble:
    if isinstance(error, shutil.Error):  # of a directory that was copied: a list of (source, target, reason)
        source, _, reason = error.args[0][0]
        kind = DISK_FULL if os.strerror(errno.ENOSPC) in str(reason) else NOT_STAGED
        return Trouble(kind, os.fsdecode(source) + " cannot be copied: " + str(reason))
    name = error.filename if error.filename is not None else directory
    path = os.path.join(directory, os.fsencode(name)) if isinstance(name, (str, bytes)) else directory
    kind = DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else NOT_STAGED
    return Trouble(kind, os.fsdecode(path) + ": " + (error.strerror or str(error)))


def _launch_message(error: OSError, path: bytes) -> str:
    program = os.fsdecode(path)
    if error.errno == errno.ENOENT and os.path.exists(path):
        return program + ": the interpreter on its first line (#!) does not exist"
    if error.errno == errno.ENOENT:
        return "command not found: " + program
    if error.errno == errno.ENOEXEC:
        return program + " is neither a program nor a script with an interpreter on its first line (#!)"
    if error.errno == errno.EACCES:
        return program + " is not executable: " + ("it is a directory" if os.path.isdir(path) else "chmod +x it")
    if error.errno == errno.E2BIG:
        return "the arguments and environment for " + program + " are longer than the system allows"
    return "cannot start " + program + ": " + (error.strerror or str(error))
