"""What one run of an ensemble consists of: `Step`, `CompositeRun`, `Run`, `AugmentedRun`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runsemble import codec


class Step:
    """One program to execute, with what it needs. It can be changed; nothing is checked but the types.

    Args:
        args: The program with its arguments, as a list or as one text that is split as a shell would split it. The
            program becomes an absolute path at once, as seen from the current directory; PATH is not searched.
        tasks: Processes.
        cores_per_task: Cores for each of them.
        gpus_per_task: GPUs for each of them.
        timeout: Most minutes that it may take; 0 for no limit.
        batch_script: Whether the program is a text whose tokens are filled in for every run.
        cwd: Where it starts, as seen from the run directory.

    Raises:
        IndexError: There is no program in `args`.
        TypeError: A number is none, such as a list.
        ValueError: A number is a text that is none.
    """

    __slots__ = ("args", "tasks", "cores_per_task", "gpus_per_task", "timeout", "batch_script", "cwd")  # noqa: RUF023

    def __init__(
        self,
        args: str | Iterable[str],
        tasks: Any = 1,
        cores_per_task: Any = 1,
        gpus_per_task: Any = 0,
        timeout: Any = 0,
        batch_script: Any = True,
        cwd: Any = ".",
    ) -> None:
        self.args: list[str] = shlex.split(args) if isinstance(args, str) else list(args)
        self.args[0] = os.path.abspath(self.args[0])
        self.tasks = int(tasks)
        self.cores_per_task = int(cores_per_task)
        self.gpus_per_task = int(gpus_per_task)
        self.timeout = int(timeout)
        self.batch_script = bool(batch_script)
        self.cwd = str(cwd)

    def __repr__(self) -> str:
        return (
            f"Step(args={self.args}, tasks={self.tasks}, cores_per_task={self.cores_per_task}, "
            f"gpus_per_task={self.gpus_per_task}, timeout={self.timeout}, batch_script={self.batch_script}, "
            f"cwd={self.cwd})"
        )

    @staticmethod
    def encode(obj: object) -> dict[str, Any]:
        """Return a step as a mapping: to be the `default` of `json.dump`.

        Raises:
            TypeError: It is no step.
        """
        if isinstance(obj, Step):
            return {name: getattr(obj, name) for name in Step.__slots__}
        raise TypeError


class CompositeRun:
    """One run of several steps, done one after the other.

    Args:
        sample: Names and values of this run; None for none.
        steps: At least one step.

    Raises:
        TypeError: `steps` is no sequence.
        ValueError: There is no step.
    """

    __slots__ = ("sample", "steps")

    sample: Mapping[Any, Any]
    steps: Sequence[Step]

    def __init__(self, sample: Mapping[Any, Any] | None, steps: Sequence[Step]) -> None:
        if not isinstance(steps, Sequence):
            raise TypeError(f"Expected sequence type for steps, got {type(steps).__name__!r}")
        if len(steps) == 0:
            raise ValueError("len(steps) must be > 0")
        self.sample = {} if sample is None else sample
        self.steps = steps


class Run(CompositeRun):
    """One run of one step, whose program is that of the ensemble.

    Args:
        sample: Names and values of this run; None for none.
        args: The arguments of the program, as one text.
        tasks: Processes; see `Step`, as for the others, which are looked at when the run is added to an ensemble.
        cores_per_task: Cores for each of them.
        gpus_per_task: GPUs for each of them.
        timeout: Most minutes that it may take; 0 for no limit.

    Attributes:
        application: The program; None until the run is added to an ensemble.
        app_is_batch_script: Whether that is a text whose tokens are filled in for every run.
    """

    __slots__ = (  # noqa: RUF023
        "args",
        "tasks",
        "cores_per_task",
        "gpus_per_task",
        "timeout",
        "application",
        "app_is_batch_script",
        "_steps",
    )

    def __init__(
        self,
        sample: Mapping[Any, Any] | None = None,
        args: str | None = None,
        tasks: Any = 1,
        cores_per_task: Any = 1,
        gpus_per_task: Any = 0,
        timeout: Any = 0,
    ) -> None:
        self.sample = {} if sample is None else sample
        self.args = args
        self.tasks = tasks
        self.cores_per_task = cores_per_task
        self.gpus_per_task = gpus_per_task
        self.timeout = timeout
        self.application: str | None = None
        self.app_is_batch_script = True
        self._steps: Sequence[Step] | None = None

    @property
    def steps(self) -> Sequence[Step]:
        """The one step, made anew at each access; or what it was set to.

        Raises:
            TypeError: The program is not known yet, or `args` is no text.
            ValueError: A number is a text that is none.
        """
        return (self._as_step(),) if self._steps is None else self._steps

    @steps.setter
    def steps(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def _as_step(self) -> Step:
        if self.application is None:
            raise TypeError("this Run has no application yet: give `application` to the ensemble, or use CompositeRun")
        if not isinstance(self.args, str | None):
            raise TypeError(f"the args of a Run are one text, such as '-x 5', not {self.args!r}")
        return Step(
            [self.application, *shlex.split(self.args or "")],
            tasks=self.tasks,
            cores_per_task=self.cores_per_task,
            gpus_per_task=self.gpus_per_task,
            timeout=self.timeout,
            batch_script=self.app_is_batch_script,
        )

    def __repr__(self) -> str:
        return (
            f"Run(sample={self.sample}, args={self.args!r}, tasks={self.tasks}, "
            f"cores_per_task={self.cores_per_task}, gpus_per_task={self.gpus_per_task}, timeout={self.timeout})"
        )


class AugmentedRun(CompositeRun):
    """A run as the ensemble has it.

    Args:
        sample: Names and values of this run.
        steps: Its steps, as they were given.
        status: One of the five numbers of `Themis`, such as `RUN_QUEUED`.
        result: What it left; None for nothing.
    """

    __slots__ = ("result", "status")

    def __init__(
        self, sample: Mapping[Any, Any] | None, steps: Sequence[Step], status: int = 0, result: Any = None
    ) -> None:
        super().__init__(sample, steps)
        self.status = status
        self.result = result


class GivenRun(CompositeRun):
    """A run as it was given, made of what is stored of it; its steps are made when somebody looks at them.

    Args:
        params: Its parameters.
        memo: What `as_spec` has left with it; None: it was not made by Themis, and has no steps of its.
    """

    __slots__ = ("_memo", "_steps")

    def __init__(self, params: Mapping[Any, Any], memo: Mapping[str, Any] | None) -> None:
        memo = memo or {"steps": []}
        kept = memo.get("sample")
        self.sample = params if kept is None else codec.decode(kept, allow_pickle=True)
        self._memo = memo
        self._steps: Sequence[Step] | None = None

    @property
    def steps(self) -> Sequence[Step]:
        """The steps."""
        if self._steps is None:
            steps = [Step(**dict(zip(Step.__slots__, fields, strict=True))) for fields in self._memo["steps"]]
            self._steps = steps if "is_list" in self._memo else tuple(steps)
        return self._steps

    @steps.setter
    def steps(self, steps: Sequence[Step]) -> None:
        self._steps = steps
