"""Loads what Python calls run, once and for all that are forked later.

What it is comes from a user's module, which may do anything while it is imported: crash, wait for ever, start threads
that no fork survives, open a GPU. So it is loaded in a child first, and in this process only after that went well.
Of what an import changes in this process, the agent's share is put back and the rest kept for the calls.
"""

from __future__ import annotations

import gc
import json
import os
import select
import sys
import time
import traceback

from . import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Loader = Callable[[], Any]

#: Seconds that loading may take; the time limits of runs, which share what is loaded, do not matter.
LOAD_S = 300.0

_GPU_DEVICES = ("/dev/nvidia", "/dev/kfd")
_NULL = "/dev/null"


class CannotLoad(Exception):
    """It cannot be loaded; the text is a sentence, `report` a traceback."""

    def __init__(self, message: str, report: str = "") -> None:
        super().__init__(message)
        self.report = report


class CannotFork(Exception):
    """It can be loaded, but a fork of a process that did so would not work; the text says what is, and why."""


class Loaded:
    """What a call runs, with what its import changed in the process."""

    __slots__ = ("descriptors", "handlers", "target", "variables")

    def __init__(
        self, target: Any, variables: dict[bytes, bytes | None], handlers: dict[int, Any], descriptors: set[int]
    ) -> None:
        self.target = target
        self.variables = variables  #: set in the environment; None: removed from it
        self.handlers = handlers  #: of signals
        self.descriptors = descriptors  #: opened, and still open


def try_out(loader: Loader, env: dict[bytes, bytes], out: int, err: int, patience_s: float) -> None:
    """Load in a child, whose output goes to `out` and `err`; return if that went well.

    Args:
        loader: Loads, and returns something whose text tells people what it is.
        env: The environment.
        out: Where the standard output goes.
        err: Where the standard error goes.
        patience_s: Seconds that it may take.

    Raises:
        CannotLoad: It raised, crashed, ended the process or took too long.
        CannotFork: It started threads or opened a GPU.
        OSError: No child can be started.
    """
    read_end, write_end = os.pipe()
    try:
        try:
            pid = child.fork(lambda: _tell(loader, write_end), env, out, err, {write_end})
        finally:
            os.close(write_end)
        try:
            told = _listen(read_end, patience_s)
        finally:
            status = child.end(pid)
    finally:
        os.close(read_end)
    if not told:
        raise CannotLoad("loading the call " + _describe(status))
    verdict = json.loads(told)
    if verdict["problem"]:
        raise CannotLoad(verdict["problem"], verdict["report"])
    if verdict["hindrance"]:
        raise CannotFork(verdict["name"] + " " + verdict["hindrance"])


def load(loader: Loader, env: dict[bytes, bytes]) -> Loaded:
    """Load in this process, quietly, and return what calls need; on return the environment is still `env`.

    Raises:
        CannotLoad: It raised, unlike in the child.
    """
    child.set_environment(env)
    before = child.open_descriptors()
    dispositions = child.dispositions()
    here, umask, argv = os.getcwd(), os.umask(0o077), sys.argv
    os.umask(umask)
    streams = [(number, os.dup(number)) for number in (1, 2)]
    null = os.open(_NULL, os.O_WRONLY | os.O_CLOEXEC)
    for number, _ in streams:
        os.dup2(null, number)
    ours = {null, *(copy for _, copy in streams)}
    try:
        sys.argv = ["-c"]
        try:
            target = loader()
        except BaseException as error:
            raise CannotLoad(_last_line(error), _report(error)) from None
        variables = child.changes_between(env, dict(os.environb))
        handlers = child.changes_of(dispositions)
        descriptors = child.open_descriptors() - before - ours
    finally:
        child.flush_streams()
        for number, copy in streams:
            os.dup2(copy, number)
        for fd in ours:
            os.close(fd)
        child.set_dispositions(dispositions)
        os.umask(umask)
        os.chdir(here)
        sys.argv = argv
    child.set_environment(env)
    child.note_descriptors()
    gc.collect()
    gc.freeze()  # a collection in a child would write to every page that it shares with this process
    return Loaded(target, variables, handlers, descriptors)


def _tell(loader: Loader, fd: int) -> int:
    """Load, and write into `fd` how that went."""
    verdict = {"problem": "", "report": "", "hindrance": "", "name": ""}
    try:
        verdict["name"] = str(loader())
        verdict["hindrance"] = _hindrance()
    except BaseException as error:
        verdict["problem"] = _last_line(error)
        verdict["report"] = _report(error)
    child.flush_streams()
    data = json.dumps(verdict).encode("ascii") + b"\n"
    while data:
        data = data[os.write(fd, data) :]
    os._exit(0)  # without the exit handlers of the module


def _listen(fd: int, patience_s: float) -> bytes:
    """Return the line that the child writes, nothing if it ends or takes too long."""
    give_up = time.monotonic() + patience_s
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    data = b""
    while not data.endswith(b"\n"):
        left_s = give_up - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000 + 1):
            raise CannotLoad("loading the call took longer than %g s" % patience_s)
        chunk = os.read(fd, 65536)
        if not chunk:
            return b""
        data += chunk
    return data


def _describe(status: int) -> str:
    """Say how a child ended that was to load something, and did not come to tell."""
    if os.WIFSIGNALED(status):
        return "crashed: its process was killed by signal %d" % os.WTERMSIG(status)
    return "ended the process, with exit status %d" % os.WEXITSTATUS(status)


def _hindrance() -> str:
    """Say why this process cannot be forked, nothing if it can. A GPU's library has threads too, and is named first."""
    for fd in child.open_descriptors():
        try:
            if os.readlink("/proc/self/fd/%d" % fd).startswith(_GPU_DEVICES):
                return "opened a GPU when it was imported"
        except OSError:
            continue
    threading = sys.modules.get("threading")
    if threading is not None and threading.active_count() > 1:
        return "started threads when it was imported"
    if len(os.listdir("/proc/self/task")) > 1:
        pid = os.fork()  # threads of a library such as OpenBLAS's end before a fork, and come back when needed
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        if len(os.listdir("/proc/self/task")) > 1:
            return "started threads when it was imported"
    return ""


def _last_line(error: BaseException) -> str:
    lines = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    return "loading the call failed: " + (lines[-1] if lines else repr(error))


def _report(error: BaseException) -> str:
    """Return the traceback, from the first line on that is not the agent's."""
    return "".join(traceback.format_exception(type(error), error, child.without_our_frames(error.__traceback__)))
