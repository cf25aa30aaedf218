"""What a run asks for, what a node has, what a run was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from runsemble.errors import RequestError

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one step of a run needs, all of it on one node.

    Raises:
        RequestError: A number is negative, not whole, or zero where nothing could run.
    """

    cores: int = 1  #: cores per task, > 0
    gpus: int = 0  #: GPUs per task, >= 0
    tasks: int = 1  #: processes of one parallel program, > 0
    mem_mib: int = 0  #: memory of all tasks together; 0 = not accounted, not capped
    named: Mapping[str, int] = field(default_factory=lambda: _NOTHING)  #: counters of the user's, such as licences

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense."""
        for name, least in (("cores", 1), ("gpus", 0), ("tasks", 1), ("mem_mib", 0)):
            require_count(name, getattr(self, name), least)
        for name, count in self.named.items():
            require_count(f"named[{name!r}]", count, 1)

    @property
    def total_cores(self) -> int:
        """Cores of all tasks together."""
        return self.cores * self.tasks

    @property
    def total_gpus(self) -> int:
        """GPUs of all tasks together."""
        return self.gpus * self.tasks

    @property
    def shape(self) -> Shape:
        """What decides where and when the request fits; requests of one shape are interchangeable."""
        return Shape(self.total_cores, self.total_gpus, self.mem_mib, tuple(sorted(self.named.items())))


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a request as the pool sees it."""

    cores: int
    gpus: int = 0
    mem_mib: int = 0
    named: tuple[tuple[str, int], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: shapes are looked up several times per run."""
        object.__setattr__(self, "_hash", hash((self.cores, self.gpus, self.mem_mib, self.named)))

    def __hash__(self) -> int:
        """Hash as `__eq__` compares."""
        return self._hash

    def __str__(self) -> str:
        """Word the size for a sentence: "4 cores, 1 GPU and 2048 MiB"."""
        return _join_words(
            [count_of(self.cores, "core")]
            + ([count_of(self.gpus, "GPU")] if self.gpus else [])
            + ([f"{self.mem_mib} MiB"] if self.mem_mib else [])
            + [f"{count} × {name}" for name, count in self.named]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What one node has to give."""

    cores: tuple[int, ...]  #: core ids, siblings of one physical core side by side
    gpus: tuple[str, ...] = ()  #: GPU ids as the vendor's tools spell them: indices, UUIDs, MIG names
    mem_mib: int = 0  #: 0 = unknown, then memory is not accounted
    named: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    slots: int | None = None  #: runs at the same time, None = as many as fit
    counts_cores: bool = True  #: false where slots stand in for cores
    counts_small: bool = True  #: false where those of more than one core or with GPUs alone are counted by these
    threads_per_core: int = 1  #: how many neighbours in `cores` are siblings of one physical core
    host: str = ""  #: the name of the node

    def __str__(self) -> str:
        """Word the inventory for a sentence."""
        parts = [count_of(len(self.cores), "core"), count_of(len(self.gpus), "GPU")]
        if self.mem_mib:
            parts.append(f"{self.mem_mib} MiB of memory")
        parts += [f"{count} × {name}" for name, count in self.named.items()]
        return _join_words(parts)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a run holds while it runs."""

    node: int  #: index of the node in the pool
    cores: tuple[int, ...]  #: core ids; empty where cores are not counted
    gpus: tuple[str, ...] = ()  #: GPU ids
    shape: Shape = Shape(1)  #: what was asked for
    number: int = field(default=0, compare=False)  #: unlike that of any other grant of the pool


def require_count(name: str, value: Any, least: int) -> None:
    """Refuse anything but a whole number of at least `least`.

    Raises:
        RequestError: With a sentence that names the argument.
    """
    if type(value) is not int or value < least:
        raise RequestError(f"{name} must be a whole number of at least {least}, not {value!r}")


def accounted_memory(mem_mib: int | None) -> int:
    """Return what a user means by `mem_mib`, None for no limit, as `Request` has it.

    Raises:
        RequestError: It is 0, which could mean either.
    """
    if mem_mib == 0:
        raise RequestError("mem_mib must be a whole number of at least 1, or None for no limit, not 0")
    if mem_mib is not None:
        require_count("mem_mib", mem_mib, 1)
    return mem_mib or 0


def count_of(count: int, noun: str) -> str:
    """Word a count: "1 core", "3 cores"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _join_words(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
