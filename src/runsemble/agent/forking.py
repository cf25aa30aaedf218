"""Starts Python calls as forks of the agent itself.

A call costs no interpreter and no import, and yet has globals, environment and current directory of its own. What
cannot be forked is started in a fresh interpreter for every call.

The module that knows how to load and run calls is given by name. It offers ``load(spec)``, ``run(target, context)``,
which returns an exit status, and ``main(text)``, which does both in a fresh interpreter.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys

from . import child
from .loading import LOAD_S, CannotFork, CannotLoad, Loaded, load, try_out
from .protocol import NOT_LAUNCHED
from .spawn import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
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
_RESET = [signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ]


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
        self._loaded: dict[str, Loaded | CannotLoad | None] = {}  #: by call; None: needs a fresh interpreter
        self._path = json.dumps(sys.path)

    def start(self, job: Attempt, note: Callable[[str], None], env: dict[bytes, bytes], out: int, err: int) -> int:
        """Start a run's call in the current directory as the leader of a new session, and return its process id.

        The first run of a call pays for its loading.

        Args:
            job: The run.
            note: Told, once for each call, of what a person should know.
            env: The whole environment.
            out: Becomes standard output.
            err: Becomes standard error.

        Raises:
            Trouble: It cannot be loaded or started; a traceback is in `err`.
        """
        loaded = self._get(job, note, env, out, err)
        context = {"run_id": job.id, "attempt": job.attempt}
        try:
            if loaded is None:
                return self._start_fresh(job, context, env, out, err)
            return self._fork(loaded, context, env, out, err)
        except OSError as error:
            raise Trouble(NOT_LAUNCHED, "cannot start the call: " + (error.strerror or str(error))) from None

    def _get(
        self, job: Attempt, note: Callable[[str], None], env: dict[bytes, bytes], out: int, err: int
    ) -> Loaded | None:
        key = json.dumps(job.plan.call, sort_keys=True)
        if key not in self._loaded:
            common = {name: value for name, value in env.items() if name not in _OF_ONE_RUN}
            self._loaded[key] = self._load(job, note, common, out, err)
        loaded = self._loaded[key]
        if isinstance(loaded, CannotLoad):
            os.write(err, loaded.report.encode("utf-8", "backslashreplace"))
            raise Trouble(NOT_LAUNCHED, str(loaded))
        return loaded

    def _load(
        self, job: Attempt, note: Callable[[str], None], env: dict[bytes, bytes], out: int, err: int
    ) -> Loaded | CannotLoad | None:
        assert job.plan.call is not None

        def loader() -> Any:
            return self._module.load(job.plan.call)

        if job.cgroup is not None:
            job.cgroup.leave()  # what this process loads is no memory of the run's
        try:
            try_out(loader, env, out, err, job.plan.call.get("load_s", LOAD_S))
            return load(loader, env)
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

    def _fork(self, loaded: Loaded, context: dict[str, Any], env: dict[bytes, bytes], out: int, err: int) -> int:
        run, target = self._module.run, loaded.target
        handlers = {**child.PYTHONS_OWN, **loaded.handlers} if loaded.handlers else child.PYTHONS_OWN
        for name, value in loaded.variables.items():  # what an import has set would have been set now
            if value is None:
                env.pop(name, None)
            else:
                env[name] = value
        return child.fork(lambda: run(target, context), env, out, err, loaded.descriptors, handlers)

    def _start_fresh(self, job: Attempt, context: dict[str, Any], env: dict[bytes, bytes], out: int, err: int) -> int:
        program = _FRESH.format(PATH_VARIABLE, self._name)
        argv = [sys.executable, "-c", program, json.dumps([job.plan.call, context])]
        actions = ((os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2))
        env = {**env, PATH_VARIABLE.encode(): self._path.encode("utf-8", "surrogateescape")}
        return os.posix_spawn(
            sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_RESET
        )
