"""A forked child that is, for the Python code in it, as good as a fresh interpreter.

This process has its own dispositions of signals, its own descriptors, its own environment; none of it may reach a
call. Signals stay blocked from before the fork until the child is ready for them, so that none is lost.

In a fresh fork every object that is touched costs a copy of its page, and a page costs as much as many lines of Python.
So a child does as little as it can: what is alike for all is done in this process, before they are forked.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
import sys

from .orders import receive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any, Callable, Iterable

_ALL = frozenset(map(int, signal.valid_signals()))
#: Not those of `signal`, which turn numbers into members of an enumeration: a fork would copy 50 pages for that.
_set_handler, _set_mask, _set_wakeup_fd = _signal.signal, _signal.pthread_sigmask, _signal.set_wakeup_fd
#: As a fresh interpreter has them, for the signals whose disposition Python or the agent changes.
PYTHONS_OWN: dict[int, Any] = {
    int(signal.SIGINT): signal.default_int_handler,
    int(signal.SIGPIPE): int(signal.SIG_IGN),
    int(signal.SIGHUP): int(signal.SIG_DFL),
    int(signal.SIGTERM): int(signal.SIG_DFL),
    int(signal.SIGCHLD): int(signal.SIG_DFL),
}
#: The highest descriptor that was open when somebody looked; to look in every child would cost 30 of its pages.
_highest = 1024
#: How many more may have been opened since.
_SPARE = 1024
#: Exit status of an interpreter that could not write its last output.
_CANNOT_FLUSH = 120
#: Exit status of a child in which the machinery itself failed; a traceback is in its standard error.
_BROKEN = 70


def fork(act: Callable[[], int], env: dict[bytes, bytes], out: int, err: int, keep: Iterable[int]) -> int:
    """Start a child that leads a session of its own, calls `act` and exits with what that returns; return its id.

    Args:
        act: Called in the child; below zero: end by that signal.
        env: The whole environment.
        out: Becomes descriptor 1.
        err: Becomes descriptor 2.
        keep: Descriptors that stay open, besides 0, 1 and 2.

    Raises:
        OSError: The system has no room for one more process.
    """

    def live() -> int:
        os.dup2(out, 1)
        os.dup2(err, 2)
        _part(keep, {})
        set_environment(env)
        _set_mask(_signal.SIG_SETMASK, ())
        return act()

    return _fork([live])[0]


def fork_ahead(
    act: Callable[[Any], int], sources: Iterable[socket], keep: Iterable[int], handlers: dict[int, Any]
) -> list[int]:
    """Start children that wait for their orders, and then are as one of `fork`; return their ids.

    One ends when the other side of its source is closed before an order came.

    Args:
        act: Called in each child with what its order carries.
        sources: Where the orders come from, see `orders.receive`; there may be fewer children at the end.
        keep: Descriptors that stay open, besides 0, 1 and 2.
        handlers: Dispositions of signals, where they are others than `PYTHONS_OWN`.

    Raises:
        OSError: The system has no room for one more process.
    """

    def living(source: socket) -> Callable[[], int]:
        kept = {*keep, source.fileno()}

        def live() -> int:
            _part(kept, handlers)
            os.chdir("/")  # not in the directory of another run
            order = receive(source)
            if order is None:
                os._exit(0)
            cwd, changes, argument, out, err = order
            source.close()
            os.dup2(out, 1)
            os.close(out)
            os.dup2(err, 2)
            os.close(err)
            os.chdir(cwd)
            change_environment(changes)
            _set_mask(_signal.SIG_SETMASK, ())  # signals that came meanwhile have their effect now
            return act(argument)

        return live

    return _fork([living(source) for source in sources])


def _fork(lives: list[Callable[[], int]]) -> list[int]:
    """Fork once for each, with every signal handled as in a fresh interpreter, and blocked; return the ids.

    Signals that came for ended children before are lost: look for such after that.
    """
    pids: list[int] = []
    argv = sys.argv
    _set_mask(_signal.SIG_BLOCK, _ALL)
    wakeup_fd = _set_wakeup_fd(-1)
    handlers = [(number, _set_handler(number, handler)) for number, handler in PYTHONS_OWN.items()]
    sys.argv = ["-c"]
    try:
        for live in lives:
            pid = os.fork()
            if pid == 0:
                _be_child(live)
            pids.append(pid)
    except OSError:
        if not pids:
            raise
    finally:
        sys.argv = argv
        for number, handler in handlers:
            _set_handler(number, handler)
        _set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
        _set_mask(_signal.SIG_SETMASK, ())
    return pids


def end(pid: int) -> int:
    """Kill a child, if it lives, with its session's first group; return its wait status."""
    for kill in (os.kill, os.killpg):  # it may not lead its group yet
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    return os.waitpid(pid, 0)[1]


def _be_child(live: Callable[[], int]) -> None:
    """Never return."""
    status = _BROKEN
    try:
        status = _finish(live())
    except BaseException:
        sys.excepthook(*sys.exc_info())
        flush_streams()
    finally:
        os._exit(status)


def _part(keep: Iterable[int], handlers: dict[int, Any]) -> None:
    """Have nothing to do with this process's parent any more."""
    os.setsid()
    for number, handler in handlers.items():
        _set_handler(number, handler)
    start = 3
    for fd in (*sorted(keep), _highest + _SPARE):
        os.closerange(start, fd)
        start = fd + 1


def _finish(status: int) -> int:
    """Do what an interpreter does at its end; return its exit status."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit = sys.modules.get("atexit")
    if atexit is not None:
        atexit._run_exitfuncs()
    is_flushed = flush_streams()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status if is_flushed or status else _CANNOT_FLUSH


def flush_streams() -> bool:
    """Write out what the standard streams still hold; False if that failed."""
    is_flushed = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except Exception:  # whatever a user's own stream raises
            is_flushed = False
    return is_flushed


def set_environment(env: dict[bytes, bytes]) -> None:
    """Make `env` the environment, touching no more than has to be."""
    change_environment(changes_between(dict(os.environb), env))


def change_environment(changes: dict[bytes, bytes | None]) -> None:
    """Set variables; None: remove it."""
    environ = os.environb
    for name, value in changes.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value


def changes_between(before: dict[bytes, bytes], after: dict[bytes, bytes]) -> dict[bytes, bytes | None]:
    """Return what has to be set (None: removed) to get from one environment to another."""
    changes: dict[bytes, bytes | None] = {name: None for name in before if name not in after}
    changes.update({name: value for name, value in after.items() if before.get(name) != value})
    return changes


def open_descriptors() -> set[int]:
    """Return this process's open descriptors from 3 on."""
    return {fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _is_open(fd)}


def _is_open(fd: int) -> bool:
    """Tell whether a descriptor is open: the one that read the list is not any more."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def note_descriptors() -> None:
    """Take note of how many descriptors are open, for there may be more soon, but not very many more."""
    global _highest
    _highest = max(open_descriptors(), default=2)


def dispositions() -> dict[int, Any]:
    """Return how every signal is handled that Python knows of."""
    return {int(number): signal.getsignal(number) for number in _ALL}


def changes_of(before: dict[int, Any]) -> dict[int, Any]:
    """Return how those signals are handled now that were handled in another way before."""
    return {
        number: int(handler) if isinstance(handler, int) else handler  # as `_set_handler` wants it
        for number, handler in dispositions().items()
        if handler != before[number]
    }


def set_dispositions(wanted: dict[int, Any]) -> None:
    """Handle every signal as it was before `changes_of`; what a module has set is taken back."""
    for number in changes_of(wanted):
        if wanted[number] is not None:  # None: set by C code, out of Python's reach
            signal.signal(number, wanted[number])


def without_our_frames(trace: Any) -> Any:
    """Return a traceback from the first frame on that does not stand in the agent's folder."""
    folder = os.path.dirname(os.path.abspath(__file__)) + os.sep
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(folder):
        trace = trace.tb_next
    return trace
