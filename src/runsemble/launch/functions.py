"""Pickles the functions that are to be called in other processes."""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import cloudpickle

from runsemble.errors import CommandError

#: What directories of installed packages are called.
_PACKAGES = ("site-packages", "dist-packages")


def pickle_function(function: Callable[..., Any], path: str) -> None:
    """Write `function` into the file `path`, so that an agent can load it.

    A function of a module that can be imported is stored by its name. One of the main program or a notebook, a lambda
    or a function within another one is stored whole, with the values that it refers to.

    Raises:
        CommandError: It is none that can be called and waited for, or something that it refers to cannot be sent to
            another process; the text says what.
        OSError: The file cannot be written.
    """
    name = getattr(function, "__qualname__", None) or repr(function)
    if not callable(function):
        raise CommandError(f"{name} is not a function")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise CommandError(f"{name} is an async function, but a run calls an ordinary one: wrap it in asyncio.run")
    if inspect.isgeneratorfunction(function):
        raise CommandError(f"{name} is a generator, which has no result: return a list instead of yielding")
    try:
        raw = _dumps(function)
    except Exception as error:  # an object may raise anything when it is pickled
        raise CommandError(f"{name} cannot be sent to another process: {_explain(function, error)}") from error
    with open(path, "wb") as file:
        file.write(raw)


def import_directories() -> list[str]:
    """Return where this program finds modules of its own, absolute, and not Python's or those of installed packages."""
    own = [os.path.abspath(entry) for entry in sys.path]
    foreign = tuple(os.path.join(prefix, "") for prefix in (sys.prefix, sys.base_prefix))
    return [entry for entry in own if not entry.startswith(foreign) and os.path.basename(entry) not in _PACKAGES]


def function_name(function: Callable[..., Any]) -> str:
    """Return what a function is called for people: "model.simulate"."""
    name = getattr(function, "__qualname__", None) or repr(function)
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module not in (None, "__main__", "builtins") else name


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Keeps the names of source files, which cloudpickle leaves out, so that tracebacks show the lines that failed."""

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child()


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    make, args = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return make, tuple(code.co_filename if arg == _NAMELESS else arg for arg in args)


#: What cloudpickle writes in place of the name of a source file, from 3.1.2 on.
_NAMELESS = "<dynamic-code>"
_Pickler.dispatch_table[CodeType] = _reduce_code


def _dumps(function: Callable[..., Any]) -> bytes:
    file = io.BytesIO()
    _Pickler(file).dump(function)
    return file.getvalue()


def _explain(function: Callable[..., Any], error: Exception) -> str:
    """Say which of the values that a function refers to cannot be pickled, or else what pickle said."""
    for where, value in _values_of(function):
        try:
            cloudpickle.dumps(value)
        except Exception:  # the same
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            return f"{where} is a {kind}, which cannot be pickled; make it inside the function"
    return str(error) or repr(error)


def _values_of(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values that a function carries along, each with what it is to the function."""
    owner = getattr(function, "__self__", None)
    if owner is not None:
        yield "the object it is a method of", owner
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(plain):
        return
    names = inspect.getclosurevars(plain)
    for name, value in {**names.globals, **names.nonlocals}.items():
        yield f"the variable {name}", value
    for value in plain.__defaults__ or ():
        yield "a default argument", value
