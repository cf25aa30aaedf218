"""The notation in which the names of the founding systems are typed.

Signatures stand as the documentation prints them, without annotations and without `self`. What the documentation does
not give is left out here too: a signature of None means that only the name is promised. Where a page prints no
signature but shows how something is called, `calls` repeats the call with `_` for each argument: `"(_, profile=_)"`.
Defaults and values are the text that `repr` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Data:
    """A name in a module that is neither a class nor a function: a constant, an alias, a settable global."""

    name: str
    keys: tuple[str, ...] = ()  #: keys of a mapping that the documentation uses


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a module."""

    name: str
    signature: str | None = None
    calls: tuple[str, ...] = ()
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a class."""

    name: str
    signature: str | None = None
    calls: tuple[str, ...] = ()
    is_async: bool = False
    is_abstract: bool = False
    binding: Literal["instance", "classmethod", "callable on the class"] = "instance"


@dataclass(frozen=True, slots=True)
class Property:
    """A computed attribute of a class."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a class or of its instances."""

    name: str
    value: str | None = None  #: its value, or the default of its instances
    keys: tuple[str, ...] = ()  #: keys of a mapping that the documentation uses
    is_class: str | None = None  #: the attribute is this class of the same module


Member: TypeAlias = Method | Property | Attribute


@dataclass(frozen=True, slots=True)
class Class:
    """A class with its documented members."""

    name: str
    signature: str | None = None
    bases: tuple[str, ...] = ()  #: classes of the same module, else dotted
    calls: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    sample: str | None = None  #: arguments of an instance on which attributes may be looked up


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the drop-in with its documented names; the module itself is one of them."""

    path: str
    names: tuple[Data | Function | Class, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented name with all that is known about it."""

    module: str
    what: Module | Data | Function | Class | Member
    owner: Class | None = None  #: the class of a member

    @property
    def path(self) -> str:
        """The dotted name, for people and for the list of names not there yet."""
        if isinstance(self.what, Module):
            return self.module
        middle = (self.owner.name,) if self.owner else ()
        return ".".join((self.module, *middle, self.what.name))


def entries_of(*modules: Module) -> tuple[Entry, ...]:
    """List every name of a table, owners before their members."""
    entries = []
    for module in modules:
        entries.append(Entry(module.path, module))
        for what in module.names:
            entries.append(Entry(module.path, what))
            if isinstance(what, Class):
                entries.extend(Entry(module.path, member, what) for member in what.members)
    return tuple(entries)
