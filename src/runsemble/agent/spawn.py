"""Makes a run directory and starts a process in it.

A run must find everything as under a plain shell: signal dispositions, signal mask, descriptors, umask. The agent is
single-threaded, so it enters the run directory itself and lets `os.posix_spawn` (vfork, in C) do the rest: no fork of
a Python process, no shell in between.
"""

from __future__ import annotations

import errno
import os
import signal
import stat

from .aside import keep_results, set_aside
from .files import write_file
from .frames import to_bytes
from .later import shutil
from .protocol import DISK_FULL, NOT_LAUNCHED, NOT_STAGED
from .rotation import LOG, is_rotated, log_before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Start = Callable[[dict[bytes, bytes], int, int], int]

#: Signals whose disposition Python or the agent has changed.
_RESET = [s for s in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, getattr(signal, "SIGXFSZ", 0)) if s]
_OUTPUT = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC

#: A larger parameter set travels by file, since environment and arguments share one limit of the kernel.
PARAMS_IN_ENV_BYTES = 4096
_PARAMS = b"params.json"
#: Tries to make a directory in one that is removed again and again.
MKDIR_TRIES = 100
#: How the name ends under which a file is made; no input may be called so.
PARTIAL = b".runsemble-partial"


class Trouble(Exception):
    """An attempt could not be started; `kind` is one of the protocol's words for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Plan:
    """What many runs have in common."""

    __slots__ = (
        "call", "env", "is_fresh", "is_own", "is_refilled", "is_reused", "mem_mib", "output", "posts", "relative",
        "resolved", "stage", "timeout_s",
    )  # fmt: skip

    def __init__(self, fields: dict[str, Any]) -> None:
        self.is_fresh: bool = fields["directory"] != "existing"  #: make the directory; else it is there already
        self.is_refilled: bool = fields["directory"] == "refill"  #: every file is staged anew for every attempt
        self.is_own: bool = fields["directory"] == "own"  #: it may be there only if this very run has made it
        self.is_reused: bool = self.is_refilled or fields["directory"] in ("reuse", "own")  #: it may be there already
        self.env = {to_bytes(k): to_bytes(v) for k, v in fields["env"].items()}
        self.output: str = fields["output"]
        self.stage = [(how, to_bytes(source), to_bytes(name)) for how, source, name in fields["stage"]]
        self.timeout_s: float | None = fields["timeout_s"]
        self.mem_mib: int = fields["mem_mib"]
        posts = fields.get("posts")
        self.posts: bytes | None = (
            None if posts is None else to_bytes(posts)
        )  #: where results go, not into run directories
        self.call: dict[str, Any] | None = fields.get("call")  #: what Python calls run; None: programs
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
    plan: Plan, directory: bytes, attempt: int, step: int, params: str, files: list[list[Any]] | None,
    argv: list[bytes], env: dict[bytes, bytes], cwd: bytes, scratch: bytes, start: Start | None = None,
) -> int:  # fmt: skip
    """Prepare `directory`, start `argv` in it as the leader of a new session, and return its process id.

    On return the current directory is `cwd`.

    Args:
        plan: What the run shares with others.
        directory: Absolute path.
        attempt: Number of the attempt; from the second on, what the former one left is moved aside.
        step: Number of the step; what an earlier one of the same attempt has left stays.
        params: JSON text for ``params.json``; empty for a run without.
        files: The run's own files: name, text, permission bits.
        argv: The command.
        env: The whole environment.
        cwd: Where the command starts, seen from `directory`; made if it is not there. Empty: in `directory`.
        scratch: File for output of which only the tail is kept.
        start: Starts something else than `argv`, given environment, standard output and standard error.

    Raises:
        Trouble: With a sentence that says what failed, and where. A fresh directory that could not be filled is
            removed again; where only the command could not be started, it stays.
    """
    made, is_to_fill = enter(plan, directory, attempt, step, params)
    has_logs = plan.output == "log"  #: which lie where the command starts
    try:
        stage(plan, "" if plan.posts else params, files, is_first=is_to_fill)
        if cwd and has_logs:
            go_to(cwd, directory)
        out, err = open_log(directory) if has_logs else open_outputs(plan.output, scratch, is_first=not step)
    except OSError as error:
        if made:
            _unmake(directory)
        raise storage_trouble(error, directory) from None
    try:
        if cwd and not has_logs:
            go_to(cwd, directory)
        return start(env, out, err) if start else _spawn_here(plan, argv, env, out, err)
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


def enter(plan: Plan, directory: bytes, attempt: int, step: int, params: str) -> tuple[bool, bool]:
    """Make `directory` the current one; make it first if the plan says so.

    Args:
        plan: Says so.
        directory: Absolute path.
        attempt: Number of the attempt.
        step: Number of the step.
        params: The run's parameters.

    Returns:
        Whether it was made, and whether every file is to be staged, rather than those alone that are missing.

    Raises:
        Trouble: It cannot be made or entered, or a new run finds it there already.
    """
    try:
        is_first = attempt == 1 and not step
        made = (
            plan.is_fresh and (is_first or not os.path.lexists(directory)) and _make_directory(plan, directory, params)
        )
        os.chdir(directory)
        if made and attempt > 1 and plan.posts is None:  # nothing is left of the former ones but their number
            set_aside(attempt, step)
        is_again = not made and (attempt > 1 or (plan.is_reused and is_first))
        if plan.posts is not None:  # nothing of ours is there
            is_new = is_again and not step
        else:
            is_new = is_again and set_aside(attempt, step)
            if step and not made and not is_new:
                keep_results(step)
        return made, (is_new and plan.is_refilled) if is_again else (is_first or made)
    except OSError as error:
        raise storage_trouble(error, directory) from None


def _make_directory(plan: Plan, directory: bytes, params: str) -> bool:
    """Make a run directory; False if it is there already and may be."""
    try:
        _mkdir(directory)
    except FileExistsError:
        if plan.is_reused and not (plan.is_own and not _is_left(directory, params)):
            return False
        raise Trouble(NOT_STAGED, os.fsdecode(directory) + " exists already, so it cannot be a new run's own") from None
    return True


def _mkdir(directory: bytes) -> None:
    """Make a directory, and those above it; while others in those end, they may be removed again."""
    for _ in range(MKDIR_TRIES):
        try:
            os.mkdir(directory)
            return
        except FileNotFoundError:
            pass
        try:
            os.makedirs(os.path.dirname(directory), exist_ok=True)
        except FileNotFoundError:
            pass
    os.mkdir(directory)


def _is_left(directory: bytes, params: str) -> bool:
    """Tell whether an attempt at this run that nobody knows of has made a directory: the parameters come first."""
    try:
        with open(os.path.join(directory, _PARAMS), "rb") as file:
            found = file.read().rstrip(b"\0")  # a power failure may have cut it short
    except OSError:
        return not os.listdir(directory)
    return params.encode("utf-8", "surrogatepass").startswith(found)


def go_to(cwd: bytes, directory: bytes) -> None:
    """Change to where a command starts; make it if it is not there.

    Raises:
        Trouble: That cannot be done.
    """
    try:
        try:
            os.chdir(cwd)
        except FileNotFoundError:
            os.makedirs(cwd, exist_ok=True)
            os.chdir(cwd)
    except OSError as error:
        raise storage_trouble(error, os.path.join(directory, cwd)) from None


def stage(plan: Plan, params: str, files: list[list[Any]] | None, is_first: bool, base: bytes = b"") -> None:
    """Put the input files and ``params.json`` into a run directory.

    Args:
        plan: Says which files.
        params: JSON text for ``params.json``; empty for a run without.
        files: The run's own files: name, text, permission bits.
        is_first: Whether this is the first attempt; later ones stage only what an earlier one did not come to.
        base: The directory, with a slash at its end; empty: the current one.
    """
    if params:
        write_file(base + _PARAMS, params.encode("utf-8", "surrogatepass"))
    for how, source, name in plan.stage:
        target = base + name
        if plan.is_refilled and is_first:
            _clear(target, how, source)
        if is_first or not os.path.lexists(target):
            _stage_one(plan, how, source, target)
    for own, text, mode in files or ():
        target = base + to_bytes(own)
        if is_first or not os.path.lexists(target):
            _write_own(target, to_bytes(text), mode)


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


def _clear(target: bytes, how: str, source: bytes) -> None:
    """Remove what an input is to replace: a file or a link, or a directory by a copy of another one."""
    if not os.path.isdir(target) or os.path.islink(target):
        try:
            os.unlink(target)
        except FileNotFoundError:
            pass
    elif how == "copy" and os.path.isdir(source):
        shutil.rmtree(target)


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


def open_outputs(mode: str, scratch: bytes, is_first: bool = True) -> tuple[int, int]:
    """Open what becomes stdout and stderr; here rather than in the child, so that an error names the file.

    Args:
        mode: What becomes of the output.
        scratch: File for output of which only the tail is kept.
        is_first: Whether this is the first step; later ones write on.
    """
    flags = _OUTPUT | os.O_TRUNC if is_first else _OUTPUT
    if mode == "files":
        out = os.open(b"stdout", flags, 0o666)
        try:
            return out, os.open(b"stderr", flags, 0o666)
        except BaseException:
            os.close(out)
            raise
    name = {"merged": b"output", "tail": scratch}.get(mode, b"/dev/null")
    both = os.open(name, flags, 0o666)
    return both, both


def open_log(directory: bytes) -> tuple[int, int]:
    """Open the log of what starts in the current directory; what was the log becomes a numbered one.

    Outside the run's own directory, where other runs may write, too, it is appended to.

    Args:
        directory: The run's.
    """
    if os.path.lexists(LOG) and is_rotated(os.fsdecode(os.path.realpath(directory)), os.getcwd()):
        former = log_before(os.listdir())
        if former is not None:
            os.rename(LOG, former)
    both = os.open(LOG, _OUTPUT, 0o666)
    return both, both


def _unmake(directory: bytes) -> None:
    """Remove a new directory that could not be filled."""
    os.chdir("/")
    try:
        shutil.rmtree(directory)
    except OSError:
        pass


def storage_trouble(error: OSError, directory: bytes) -> Trouble:
    """Return what an error means for an attempt whose directory cannot be filled."""
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
