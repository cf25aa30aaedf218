"""One command of a run, and what it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runsemble.errors import RequestError, UsageError
from runsemble.model.resources import Request, accounted_memory
from runsemble.model.text import why_no_bytes

#: More seconds than anybody will wait for, and few enough for every clock.
MAX_SECONDS = 1 << 62


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a run of several: they run one after the other, each when the one before has succeeded.

    Attributes:
        cmd: Program and arguments; ``{name}`` stands for a parameter, as in `multirun`. Or a function, which is called
            with the parameters as keyword arguments in a process of its own.
        cores: Cores for each task.
        gpus: GPUs for each task.
        tasks: Processes; more than one are started with ``mpirun``.
        mem_mib: Memory, in MiB; it is ended when it uses more. None: neither accounted nor limited.
        named: Counters of the runner's that it needs, such as licences.
        timeout_s: Seconds after which it is ended; None: never.
        cwd: Where it starts: a path seen from the run directory, placeholders allowed; made if it is not there.
            None: in the run directory.
        env: Variables to add to its environment; placeholders allowed.
        batch_script: The program is a text in which ``%%name%%`` stands for a parameter; it is filled in for every
            run, put into the run directory, and started from there.

    Raises:
        RequestError: A size makes no sense.
        UsageError: Something else does not.
    """

    cmd: Sequence[str | os.PathLike[str]] | Callable[..., Any]
    cores: int = field(default=1, kw_only=True)
    gpus: int = field(default=0, kw_only=True)
    tasks: int = field(default=1, kw_only=True)
    mem_mib: int | None = field(default=None, kw_only=True)
    named: Mapping[str, int] | None = field(default=None, kw_only=True)
    timeout_s: float | None = field(default=None, kw_only=True)
    cwd: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    env: Mapping[str, str] | None = field(default=None, kw_only=True)
    batch_script: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        self.request  # noqa: B018 - checks the sizes
        require_seconds("timeout_s", self.timeout_s)
        require_environment(self.env)
        if self.cwd is not None:
            require_path("cwd", self.cwd)

    @property
    def request(self) -> Request:
        """What it needs."""
        return Request(
            cores=self.cores,
            gpus=self.gpus,
            tasks=self.tasks,
            mem_mib=accounted_memory(self.mem_mib),
            named=dict(self.named or {}),
        )


def require_seconds(name: str, value: Any) -> None:
    """Refuse what is neither None nor a positive number of seconds.

    Raises:
        RequestError: It is something else.
    """
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and value > 0 and (isinstance(value, float) or value < MAX_SECONDS)):
        raise RequestError(f"{name} must be a number of seconds greater than 0, not {value!r}")


def require_environment(env: Any) -> None:
    """Refuse what is neither None nor names of variables with strings.

    Raises:
        UsageError: It is something else.
    """
    if env is None:
        return
    if not isinstance(env, Mapping):
        raise UsageError(f"env must be a mapping of names to strings, such as {{'MODE': 'fast'}}, not {env!r}")
    for name, value in env.items():
        if type(name) is not str or not name or "=" in name or "\0" in name:
            raise UsageError(f"env: {name!r} is no name of a variable")
        require_string(f"env[{name!r}]", value)
        problem = why_no_bytes(value)
        if problem:
            raise UsageError(f"env[{name!r}] {problem}")


def require_path(name: str, value: object) -> None:
    """Refuse what is no path that the kernel could take.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(f"{name} must be a path, not {value!r}")
    problem = why_no_bytes(os.fsdecode(value))
    if problem:
        raise UsageError(f"{name} {problem}")


def require_string(name: str, value: object) -> None:
    """Refuse what is no string.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string, not {value!r}")
