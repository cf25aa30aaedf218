"""What one check works with: fresh runners, a directory, commands, and the means to find every process."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from runsemble.agent import proc
from runsemble.ensemble.multirun import multirun
from runsemble.runners.abstract import AbstractRunner
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.pooled import PooledRunner
from runsemble.runners.run import Run
from runsemble.testing.files import exists
from runsemble.testing.gate import WAIT_AT_GATE, Gate
from runsemble.testing.leftovers import Belongings, command_of, pids_with, recorded_places, wait_leftovers
from runsemble.testing.require import require, wait_file

#: Makes a fresh runner; see `check_runner` for the keywords it is called with.
Factory: TypeAlias = Callable[..., AbstractRunner]

#: What `multirun` takes.
Parameters: TypeAlias = Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]

#: Seconds between TERM and KILL that checks ask for.
GRACE_S = 0.3
#: What every runner is asked for unless a check asks for something else.
SIZES: Mapping[str, Any] = {"max_parallel": 2, "grace_s": GRACE_S}
#: Variable that marks every process which a check brings about, except where one clears its environment.
MARK = "CHECKED_BY"


class Rig:
    """The surroundings of one check; use it as ``with Rig(factory) as rig:``.

    Attributes:
        directory: A new directory, removed at the end.
        mark: What `MARK` is set to in the environment meanwhile.
    """

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._count = 0
        self._gates: list[Gate] = []
        self._stack = ExitStack()
        self.mark = os.urandom(8).hex()

    def __enter__(self) -> Self:
        """Make the directory and set the mark."""
        self._before = Belongings.now()
        self.directory = Path(tempfile.mkdtemp(prefix="runsemble-check-"))
        os.environ[MARK] = self.mark
        self._places = self._stack.enter_context(recorded_places())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the directory and the mark."""
        self.close_gates()
        self._stack.close()
        del os.environ[MARK]
        shutil.rmtree(self.directory, ignore_errors=True)

    def make(self, **sizes: Any) -> AbstractRunner:
        """Return a fresh runner."""
        return make_runner(self._factory, **sizes)

    def make_pooled(self, **sizes: Any) -> PooledRunner:
        """Return a fresh runner with a pool."""
        runner = self.make(**sizes)
        assert isinstance(runner, PooledRunner)
        return runner

    def new_path(self) -> Path:
        """Return a path in the directory at which nothing is."""
        self._count += 1
        return self.directory / str(self._count)

    def new_dir(self) -> Path:
        """Make and return a directory."""
        path = self.new_path()
        path.mkdir()
        return path

    def new_gate(self) -> Gate:
        """Return a gate that is closed at the end of the check."""
        gate = Gate(self.new_path())
        self._gates.append(gate)
        return gate

    def close_gates(self) -> None:
        """Release every gate's descriptor."""
        while self._gates:
            self._gates.pop().close()

    async def study(self, runner: AbstractRunner, runs: Parameters, cmd: list[str], **options: Any) -> MultirunResult:
        """Await `multirun` in a new directory, without a bar."""
        return await multirun(runs=runs, cmd=cmd, runner=runner, output_path=self.new_path(), progress=False, **options)

    async def start_at_gate(self, runner: PooledRunner, gate: Gate, *, first: str = "", **options: Any) -> Run:
        """Add a run that waits at a gate, in a new directory; return it once it is there.

        Args:
            runner: Where; entered.
            gate: The gate.
            first: Commands of the shell that the run executes before it says that it is there.
            options: What else `runner.add` takes.
        """
        run = runner.add(sh(f"{first} {WAIT_AT_GATE}", gate), self.new_dir(), **options)
        await wait_file(run.run_dir, "started")
        return run

    def processes(self) -> list[int]:
        """Return the living processes that carry the mark: runs, agents, whatever they have started."""
        return [pid for pid in pids_with(f"{MARK}={self.mark}".encode()) if not proc.is_zombie(pid)]

    def run_processes(self, runner: PooledRunner) -> list[int]:
        """Return the living processes that carry the mark, the agents of an entered runner aside."""
        return [pid for pid in self.processes() if pid not in runner.engine.agent_pids]

    def require_no_process(self) -> None:
        """Fail the check if any process that carries the mark lives, or a child has not been waited for.

        Raises:
            AssertionError: One does; the text names it.
        """
        alive = sorted({*self.processes(), *proc.children_of(os.getpid())} - self._before.children)
        require(not alive, "still there: " + "; ".join(f"{pid} ({command_of(pid)})" for pid in alive))

    async def wait_leftovers(self) -> list[str]:
        """Return what is left of what the check brought about so far, gates aside."""
        left = await wait_leftovers(self._before, but=[gate.path for gate in self._gates])
        left += [f"directory {path}" for path in self._places if exists(path)]
        return left + [f"process {pid} ({command_of(pid)})" for pid in self.processes()]


def make_runner(factory: Factory, **sizes: Any) -> AbstractRunner:
    """Return a fresh runner of the size that checks ask for."""
    return factory(**{**SIZES, **sizes})


def sh(script: str, *arguments: str | os.PathLike[str]) -> list[str]:
    """Return the command that runs a script of the shell's; `arguments` are its ``$1``, ``$2`` and so on."""
    return ["/bin/sh", "-c", script, "sh", *(os.fspath(argument) for argument in arguments)]


def python(code: str, *arguments: str | os.PathLike[str]) -> list[str]:
    """Return the command that runs Python code; `arguments` are ``sys.argv[1:]``."""
    return [sys.executable, "-I", "-S", "-c", code, *(os.fspath(argument) for argument in arguments)]
