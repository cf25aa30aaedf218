"""Starts Python calls as forks of the agent itself.

A call costs no interpreter and no import, and yet has globals, environment and current directory of its own. What
cannot be forked is started in a fresh interpreter for every call.

The module that knows how to load and run calls is given by name. It offers ``load(spec)``, ``run(target, context)``,
which returns an exit status, ``read_ahead(params, own)``, which reads ahead of a call what that is given, and
``main(text)``, which loads and runs in a fresh interpreter.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys

from . import child
from .affinity import confine
from .loading import LOAD_S, CannotFork, CannotLoad, Loaded, load, try_out
from .protocol import NOT_LAUNCHED
from .spawn import Trouble
from .stock import Stock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socket import socket
    from typing import Any, Callable

    from .attempt import Attempt

#: Carries the driver's `sys.path` to an interpreter, as JSON.
PATH_VARIABLE = "RUNSEMBLE_SYS_PATH"

#: Variables that tell one run from another, so that no import can depend on them.
_OF_ONE_RUN = frozenset(
    b"RUNSEMBLE_" + name
    for name in (b"RUN_ID", b"ATTEMPT", b"STEP", b"RUN_DIR", b"RUN_KEY", b"RESULTS", b"PARAMS", b"DEADLINE")
)
_FRESH = (
    "import json, os, sys; sys.path[:] = json.loads(os.environ.pop({!r})); "
    "sys.exit(__import__({!r}, fromlist=['main']).main(sys.argv.pop()))"
)
_NEVER = float("inf")
_RESET = [signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ]


class Kind:
    """All calls of one function: they share what was loaded for the first."""

    __slots__ = ("set", "stock", "unset")

    def __init__(self, stock: Stock, variables: dict[bytes, bytes | None]) -> None:
        self.stock = stock  #: of children
        self.set = {name: value for name, value in variables.items() if value is not None}
        self.unset = [name for name, value in variables.items() if value is None]


class Calls:
    """The Python calls that an agent can start.

    Args:
        module: Name of the module that loads and runs them.

    Raises:
        ImportError: There is no such module.
    """

    def __init__(self, module: str) -> None:
        self._own_main = sys.modules["__main__"]  # which is still at work
        sys.modules["__main__"] = type(sys)("__main__")  # a call must not find the agent there
        self._name = module
        self._module: Any = importlib.import_module(module)
        self._kinds: dict[str, Kind | CannotLoad | None] = {}  #: of calls; None: needs a fresh interpreter
        self._path = json.dumps(sys.path)
        self.idle: set[int] = set()  #: process ids of children that have nothing to do yet

    def start(
        self, job: Attempt, note: Callable[[str], None], wanted: int, cores: frozenset[int],
        env: dict[bytes, bytes], out: int, err: int,
    ) -> int:  # fmt: skip
        """Start a run's call in the current directory as the leader of a new session, and return its process id.

        The first run of a call pays for its loading.

        Args:
            job: The run.
            note: Told, once for each call, of what a person should know.
            wanted: How many runs will start this call soon, this one included.
            cores: Those that the run may use.
            env: The whole environment.
            out: Becomes standard output.
            err: Becomes standard error.

        Raises:
            Trouble: It cannot be loaded or started; a traceback is in `err`.
        """
        kind = self._get(job, note, env, out, err)
        context: dict[str, Any] = {"run_id": job.id, "attempt": job.attempt}
        try:
            if kind is None:
                return self._start_fresh(job, context, cores, env, out, err)
            env.update(kind.set)  # what an import has changed would have been changed now
            for name in kind.unset:
                env.pop(name, None)
            if job.cgroup is not None:
                job.cgroup.leave()  # others that are forked now are no part of the run
            own = job.argv[1].decode("utf-8", "surrogateescape") if len(job.argv) > 1 else None
            context["given"] = self._module.read_ahead(job.params, own)
            pid = kind.stock.order(os.getcwdb(), env, context, out, err, wanted, cores)
            if job.cgroup is not None:
                job.cgroup.add(pid)
            return pid
        except OSError as error:
            raise Trouble(NOT_LAUNCHED, "cannot start the call: " + (error.strerror or str(error))) from None

    def tidy(self, now: float) -> None:
        """End children that have waited in vain for something to do."""
        if self.idle:
            for stock in self._stocks():
                stock.tidy(now)

    def close(self) -> None:
        """End all children that have nothing to do."""
        for stock in self._stocks():
            stock.clear()

    @property
    def tidy_at(self) -> float:
        """When `tidy` should be called, monotonic."""
        return min((stock.expires_at for stock in self._stocks()), default=_NEVER) if self.idle else _NEVER

    def _stocks(self) -> list[Stock]:
        return [kind.stock for kind in self._kinds.values() if isinstance(kind, Kind)]

    def _get(
        self, job: Attempt, note: Callable[[str], None], env: dict[bytes, bytes], out: int, err: int
    ) -> Kind | None:
        key = json.dumps(job.plan.call, sort_keys=True)
        if key not in self._kinds:
            common = {name: value for name, value in env.items() if name not in _OF_ONE_RUN}
            self._kinds[key] = self._load(job, note, common, out, err)
        kind = self._kinds[key]
        if isinstance(kind, CannotLoad):
            os.write(err, kind.report.encode("utf-8", "backslashreplace"))
            raise Trouble(NOT_LAUNCHED, str(kind))
        return kind

    def _load(
        self, job: Attempt, note: Callable[[str], None], env: dict[bytes, bytes], out: int, err: int
    ) -> Kind | CannotLoad | None:
        assert job.plan.call is not None

        def loader() -> Any:
            return self._module.load(job.plan.call)

        if job.cgroup is not None:
            job.cgroup.leave()  # what this process loads is no memory of the run's
        try:
            try_out(loader, env, out, err, job.plan.call.get("load_s", LOAD_S))
            return self._kind_of(load(loader, env))
        except CannotLoad as problem:
            return problem
        except CannotFork as reason:
            note(str(reason) + ", so each call gets a fresh interpreter")
            return None
        except OSError as error:
            raise Trouble(NOT_LAUNCHED, "cannot load the call: " + (error.strerror or str(error))) from None
        finally:
            if job.cgroup is not None:
                job.cgroup.enter()

    def _kind_of(self, loaded: Loaded) -> Kind:
        run, target = self._module.run, loaded.target

        def call(context: dict[str, Any]) -> Any:
            return run(target, context)

        def fork(sources: list[socket]) -> list[int]:
            return child.fork_ahead(call, sources, loaded.descriptors, loaded.handlers)

        return Kind(Stock(fork, self.idle), loaded.variables)

    def _start_fresh(
        self, job: Attempt, context: dict[str, Any], cores: frozenset[int], env: dict[bytes, bytes], out: int, err: int
    ) -> int:
        program = _FRESH.format(PATH_VARIABLE, self._name)
        argv = [sys.executable, "-c", program, json.dumps([job.plan.call, context])]
        actions = ((os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2))
        env = {**env, PATH_VARIABLE.encode(): self._path.encode("utf-8", "surrogateescape")}
        before = frozenset(os.sched_getaffinity(0))
        confine(0, cores)
        try:
            return os.posix_spawn(
                sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_RESET
            )
        finally:
            confine(0, before)
