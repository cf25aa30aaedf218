"""Compares what a module really holds with what the table of founding names promises."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from .notation import Attribute, Class, Data, Entry, Function, Method, Module, Property

MISSING: Final = object()
NO_DEFAULT: Final = object()

#: (name, kind, default as `repr` gives it)
Parameter = tuple[str, inspect._ParameterKind, str | None]


def find_faults(entry: Entry) -> list[str]:
    """Say everything in which a name differs from its entry; an empty list means that it is as documented."""
    module = import_module(entry.module)
    if module is None:
        return [f"there is no module {entry.module}"]
    if isinstance(entry.what, Module):
        return []
    if entry.owner is None:
        found = getattr(module, entry.what.name, MISSING)
        if found is MISSING:
            return [f"{entry.module} has no {entry.what.name}"]
        return _faults_of_name(entry.what, found, module)
    owner = getattr(module, entry.owner.name, MISSING)
    if not isinstance(owner, type):
        return [f"{entry.module} has no class {entry.owner.name}"]
    return _faults_of_member(entry, owner, module)


@functools.cache
def import_module(path: str) -> types.ModuleType | None:
    """Import a module, once; None when it does not exist. An error while importing an existing one is raised."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{path}.".startswith(f"{error.name}."):
            return None
        raise


def _faults_of_name(what: object, found: Any, module: types.ModuleType) -> list[str]:
    match what:
        case Data():
            return _faults_of_keys(found, what.keys)
        case Function():
            if isinstance(found, type) or not callable(found):
                return ["it is not a function"]
            return _faults_of_callable(found, what.signature, what.calls) + _faults_of_async(found, what.is_async)
        case Class():
            if not isinstance(found, type):
                return ["it is not a class"]
            return _faults_of_callable(found, what.signature, what.calls) + _faults_of_bases(found, what, module)
        case _:
            raise TypeError(f"{what!r} does not stand in a module")


def _faults_of_member(entry: Entry, owner: type, module: types.ModuleType) -> list[str]:
    what = entry.what
    match what:
        case Method():
            return _faults_of_method(what, owner)
        case Property():
            static = inspect.getattr_static(owner, what.name, MISSING)
            if static is MISSING:
                return [f"{owner.__name__} has no {what.name}"]
            return [] if isinstance(static, property | functools.cached_property) else ["it is not a property"]
        case Attribute():
            return _faults_of_attribute(what, owner, entry.owner, module)
        case _:
            raise TypeError(f"{what!r} does not stand in a class")


def _faults_of_method(what: Method, owner: type) -> list[str]:
    static = inspect.getattr_static(owner, what.name, MISSING)
    if static is MISSING:
        return [f"{owner.__name__} has no {what.name}"]
    method = getattr(owner, what.name)
    if not callable(method):
        return ["it is not a method"]
    faults = []
    if what.binding == "instance":
        if isinstance(static, classmethod | staticmethod):
            return ["it is not an ordinary method"]
        method = functools.partial(method, None)  # stands in for self
    elif what.binding == "classmethod" and not isinstance(static, classmethod):
        faults.append("it is not a classmethod")
    elif not isinstance(static, classmethod | staticmethod):
        faults.append("it cannot be called on the class")
    if getattr(static, "__isabstractmethod__", False) != what.is_abstract:
        faults.append("it is not abstract" if what.is_abstract else "it is abstract")
    faults += _faults_of_callable(method, what.signature, what.calls)
    return faults + _faults_of_async(getattr(owner, what.name), what.is_async)


def _faults_of_attribute(what: Attribute, owner: type, table: Class | None, module: types.ModuleType) -> list[str]:
    value = _declared_value(owner, what.name)
    if value in (MISSING, NO_DEFAULT) and table and table.sample:
        try:
            value = getattr(_make(owner, table.sample), what.name, MISSING)
        except Exception as error:  # a constructor that is not finished may raise anything
            return [f"{owner.__name__}{table.sample} cannot be made: {error!r}"]
    if value is MISSING:
        return [f"{owner.__name__} has no {what.name}, or it shows only on instances"]
    if inspect.isroutine(value):
        return ["it is a method"]
    if value is NO_DEFAULT and what.value is not None:
        return [f"it has no default, not {what.value}"]
    if what.is_class is not None and value is not getattr(module, what.is_class, MISSING):
        return [f"it is {value!r}, not the class {what.is_class}"]
    if what.value is not None and _repr(value) != what.value:
        return [f"it is {_repr(value)}, not {what.value}"]
    return _faults_of_keys(value, what.keys)


def _declared_value(owner: type, name: str) -> Any:
    """Return what a class says of an attribute: its value or default, or that it is there and no more."""
    for field in dataclasses.fields(owner) if dataclasses.is_dataclass(owner) else ():
        if field.name == name and field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        if field.name == name:
            return NO_DEFAULT if field.default is dataclasses.MISSING else field.default
    static = inspect.getattr_static(owner, name, MISSING)
    if static is not MISSING and not inspect.isdatadescriptor(static):
        return getattr(owner, name)
    annotated = any(name in inspect.get_annotations(base) for base in owner.__mro__)
    return NO_DEFAULT if static is not MISSING or annotated else MISSING


def _make(owner: type, sample: str) -> object:
    args, keywords = _arguments(sample)
    return owner(*map(ast.literal_eval, args), **{name: ast.literal_eval(value) for name, value in keywords.items()})


def _faults_of_keys(mapping: object, keys: tuple[str, ...]) -> list[str]:
    if not keys:
        return []
    if not isinstance(mapping, Mapping):
        return ["it is not a mapping"]
    return [f"it has no key {key!r}" for key in keys if key not in mapping]


def _faults_of_bases(found: type, what: Class, module: types.ModuleType) -> list[str]:
    faults = []
    for name in what.bases:
        place, _, last = name.rpartition(".")
        home = import_module(place) if place else module
        base = getattr(home, last, None)
        if not isinstance(base, type) or not issubclass(found, base):
            faults.append(f"it does not derive from {name}")
    return faults


def _faults_of_async(found: Callable[..., object], is_async: bool) -> list[str]:
    if inspect.iscoroutinefunction(found) == is_async:
        return []
    return ["it is not async"] if is_async else ["it is async"]


def _faults_of_callable(found: Callable[..., object], promised: str | None, calls: tuple[str, ...]) -> list[str]:
    signature = inspect.signature(found)
    faults = []
    if promised is not None and _parameters(signature) != _promised(promised):
        faults.append(f"its signature is {_without_annotations(signature)}, not {promised}")
    for call in calls:
        args, keywords = _arguments(call)
        try:
            signature.bind(*args, **keywords)
        except TypeError as error:
            faults.append(f"it cannot be called with {call}: {error}")
    return faults


def _parameters(signature: inspect.Signature) -> list[Parameter]:
    return [
        (one.name, one.kind, None if one.default is one.empty else _repr(one.default))
        for one in signature.parameters.values()
    ]


def _promised(text: str) -> list[Parameter]:
    """Read a signature as the documentation prints it."""
    (function,) = ast.parse(f"def _{text}: ...").body
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    assert not given.posonlyargs, "no founding documentation prints one"
    kind = inspect.Parameter
    required = len(given.args) - len(given.defaults)
    return [
        *((arg.arg, kind.POSITIONAL_OR_KEYWORD, None) for arg in given.args[:required]),
        *(
            (arg.arg, kind.POSITIONAL_OR_KEYWORD, ast.unparse(default))
            for arg, default in zip(given.args[required:], given.defaults, strict=True)
        ),
        *((arg.arg, kind.VAR_POSITIONAL, None) for arg in (given.vararg,) if arg),
        *(
            (arg.arg, kind.KEYWORD_ONLY, None if default is None else ast.unparse(default))
            for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        ),
        *((arg.arg, kind.VAR_KEYWORD, None) for arg in (given.kwarg,) if arg),
    ]


def _arguments(call: str) -> tuple[list[ast.expr], dict[str, ast.expr]]:
    """Read the arguments of a call."""
    node = ast.parse(f"_{call}", mode="eval").body
    assert isinstance(node, ast.Call)
    return node.args, {keyword.arg or "": keyword.value for keyword in node.keywords}


def _without_annotations(signature: inspect.Signature) -> inspect.Signature:
    plain = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return signature.replace(parameters=plain, return_annotation=signature.empty)


def _repr(value: object) -> str:
    """Spell a value as documentation does: a path is a `Path`, whatever the system makes of it."""
    return repr(value).replace("PosixPath(", "Path(")
