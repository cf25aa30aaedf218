"""Python calls as runs: a function with the run's parameters, or a hook of an application's interface.

An agent loads what is to be called once, and runs it in a fork of itself for every run.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # not `signal`: a fork would copy pages for its enumerations
import importlib.machinery
import importlib.util
import json
import linecache  # noqa: F401 - so that a traceback costs a fork no import
import os
import pickle
import signal
import sys

from runsemble import codec, inrun
from runsemble.errors import HookFailed, NotInRun
from runsemble.inrun import failures, given, reseed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: What a hook returns to say that its run has failed.
FAILED = 1e99
#: The hook whose value is nobody's result.
_WITHOUT_VALUE = "prep_run"

_interfaces: dict[str, Any] = {}  #: modules by path


class HookEnded(BaseException):
    """A hook was ended while it was at work: it took too long, or nobody wants it any more."""


def _interrupt(number: int, frame: Any) -> None:
    """Let a hook that is ended say where it stood."""
    raise HookEnded("ended by SIGTERM")


class Call:
    """What is called, with the rules that hold for it."""

    __slots__ = ("function", "generators", "is_hook", "keeps_value", "name", "seed")

    def __init__(
        self, function: Callable[..., Any] | None, name: str, seed: int | None, is_hook: bool, keeps_value: bool
    ) -> None:
        self.function = function  #: None: there is nothing to do
        self.generators = reseed.generators_of(function)  #: of random numbers, its own
        self.name = name  #: for people
        self.seed = seed  #: of random generators; None: chance
        self.is_hook = is_hook  #: takes no arguments
        self.keeps_value = keeps_value  #: the value becomes the run's result

    def __str__(self) -> str:
        return self.name


def load(spec: dict[str, Any]) -> Call:
    """Return what `spec` describes, ready to be called.

    Args:
        spec: ``{"kind": "function", "path": FILE}`` for a pickled function, or ``{"kind": "hook", "path": FILE,
            "name": NAME}`` for a function of a module, which may lack it; ``"seed"``: an int for random generators,
            which otherwise are left to chance; ``"import_from"``: where a function's own modules are found.

    Raises:
        Exception: Whatever the module or the pickle raises.
    """
    if spec["kind"] == "hook":
        function = getattr(_loaded_interface(spec["path"]), spec["name"], None)
        call = Call(function, spec["path"], spec.get("seed"), True, spec["name"] != _WITHOUT_VALUE)
    else:
        sys.path += [directory for directory in spec.get("import_from", ()) if directory not in sys.path]
        with open(spec["path"], "rb") as file:
            function = pickle.load(file)
        call = Call(function, _name_of(function), spec.get("seed"), False, True)
    reseed.prepare(call.seed)
    return call


def run(call: Call, context: dict[str, Any]) -> int:
    """Make one call, in a process and a directory of its own; return the exit status, below zero for a signal.

    A value becomes the run's result, unless it is None. An exception ends up in stderr, as Python prints it, and in
    ``exception.pickle``.

    Args:
        call: What `load` returned.
        context: ``run_id``: the number of the run, with which a seed is combined; ``given``: what `read_ahead` has
            returned.
    """
    reseed.reseed(call.seed, context["run_id"])
    if call.generators:
        reseed.part(call.generators, call.seed, context["run_id"])
    if call.is_hook:
        given.note(context.get("given"))
    is_to_tell = call.is_hook and _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL
    if is_to_tell:
        _signal.signal(_signal.SIGTERM, _interrupt)
    try:
        if call.function is not None:
            value = call.function() if call.is_hook else call.function(**(context.get("given") or _params()))
            _finish(call, value)
        return 0
    except SystemExit as ending:
        return _status_of(ending)
    except BaseException as error:
        own = error.__traceback__  # begins here, which is none of the user's business
        error.__traceback__ = own.tb_next if own is not None else None
        sys.excepthook(type(error), error, error.__traceback__)
        failures.keep_exception(error)
        if isinstance(error, HookEnded):
            return -signal.SIGTERM
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    finally:
        if is_to_tell:
            _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)


def read_ahead(text: str, own: str | None) -> dict[str, Any] | bytes | None:
    """Return what a run's call is given, where that is of JSON's own types; None: the call has to see for itself.

    Args:
        text: What ``params.json`` is to hold.
        own: What the run of a hook alone has, as JSON; None: nothing, or it is no hook.

    Returns:
        The parameters; packed with the memo for a hook, which may not ask for them.
    """
    if not text or codec.TAG in text:
        return None
    params = codec.decode(text)
    if type(params) is not dict:
        return None
    return params if own is None else given.pack(params, json.loads(own).get("memo"))


def main(text: str) -> int:
    """Load and make one call in this interpreter, which was started for it; return the exit status.

    Args:
        text: JSON of the arguments of `load` and of `run`.
    """
    spec, context = json.loads(text)
    sys.argv = ["-c"]
    status = run(load(spec), context)
    if status < 0:
        sys.stdout.flush()
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def import_only(path: str) -> None:
    """Import a file with hooks in this interpreter, which was started for it; end it, in any case."""
    status = 1
    try:
        sys.argv = ["-c"]
        load_interface(path)
        status = 0
    except SystemExit as ending:
        print("it ended its process, with exit code", _status_of(ending), file=sys.stderr)  # noqa: T201 - the verdict
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()
    os._exit(status)  # whatever threads it has started


def load_interface(path: str) -> Any:
    """Return the module in a file, which is imported anew and cannot be found by its name."""
    name = "app_interface_" + os.path.splitext(os.path.basename(path))[0]
    loader = importlib.machinery.SourceFileLoader(name, path)  # whatever its name ends in
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(path + " cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _loaded_interface(path: str) -> Any:
    if path not in _interfaces:
        _interfaces[path] = load_interface(path)
    return _interfaces[path]


def _name_of(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return "the function " + str(name)


def _params() -> dict[str, Any]:
    try:
        return inrun.get_run_params()
    except NotInRun:  # it has none
        return {}


def _finish(call: Call, value: Any) -> None:
    if call.is_hook and isinstance(value, float) and value == FAILED:
        raise HookFailed("the hook returned 1e99, which says that its run has failed")
    if value is None or not call.keeps_value:
        return
    try:
        inrun.post_run_results(value)
    except (pickle.PicklingError, AttributeError, TypeError):  # of a type that only cloudpickle can carry
        raw = failures.pickle_by_value(value)
        if raw is None:
            raise
        inrun.post_results_text(codec.mark_pickle(raw))


def _status_of(ending: SystemExit) -> int:
    """Return the exit status of a call that has left by `sys.exit`, as Python does for a program."""
    if ending.code is None:
        return 0
    if isinstance(ending.code, int):
        return ending.code & 0xFF
    print(ending.code, file=sys.stderr)  # noqa: T201 - that is what Python does
    return 1
