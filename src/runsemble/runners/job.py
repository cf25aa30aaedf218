"""A run that has not ended, as runners and agents deal with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from runsemble.model.files import OutputMode
from runsemble.model.result import Usage
from runsemble.model.status import Cause
from runsemble.sched.deadline import Deadline
from runsemble.sched.history import NO_HISTORY
from runsemble.sched.machine import RunMachine
from runsemble.sched.retry import RetryPolicy

if TYPE_CHECKING:
    from runsemble.model.resources import Shape
    from runsemble.runners.lease import Lease
    from runsemble.runners.table import RunTable


class Plan(NamedTuple):
    """What the runs of a study have in common once they are taken in."""

    number: int  #: as the agents know it
    fields: Mapping[str, Any]  #: the `plan` message
    shape: Shape
    tasks: int
    output: OutputMode
    retry: RetryPolicy
    deadline: Deadline | None = None  #: nothing starts that cannot finish before it
    is_sent_ahead: bool = True  #: whether runs may wait at an agent, to start before anybody here knows
    is_call: bool = False  #: runs are Python calls, which not every agent can make
    is_whole: bool = False  #: after a failure a run starts again from its first step

    @property
    def hook(self) -> str | None:
        """The name of the hook that its runs call, None if they call none."""
        call = self.fields.get("call")
        return call["name"] if call is not None and call["kind"] == "hook" else None


def plan_fields(
    env: Mapping[str, str],
    directory: str,
    output: str,
    stage: Sequence[tuple[str, str, str]],
    timeout_s: float | None,
    mem_mib: int,
    call: Mapping[str, Any] | None = None,
    posts: str | None = None,
) -> dict[str, Any]:
    """Return the fields of a `plan` message; see `agent.protocol`."""
    return {
        "directory": directory,
        "env": dict(env),
        "output": output,
        "stage": [list(item) for item in stage],
        "timeout_s": timeout_s,
        "mem_mib": mem_mib,
        "call": call,
        "posts": posts,
    }


class End(NamedTuple):
    """How an attempt ended, beyond its cause."""

    returncode: int | None = None
    usage: Usage | None = None
    result: tuple[str, Any] | None = None  #: see `agent.harvest.result_in`
    tail: str | None = None  #: the end of its output


NO_END = End()


class JobStep(NamedTuple):
    """One command of a run, as it is sent to an agent."""

    plan: Plan
    argv: list[str]
    env: dict[str, str]
    cwd: str | None = None  #: where it starts, seen from the run directory; None: there
    files: list[tuple[str, str, int]] | None = None  #: of this run and step alone, with their texts


class Job:
    """A run that has not ended. Its plan, argv, env, cwd and files are those of the step that comes next or runs."""

    __slots__ = (
        "argv", "cwd", "directory", "due_at", "env", "files", "history", "id", "is_submitted", "is_unwanted", "last",
        "lease", "machine", "message", "number", "own", "params_text", "place", "plan", "posted", "steps", "stop_cause",
        "table",
    )  # fmt: skip

    def __init__(
        self, table: RunTable, plan: Plan, argv: list[str], directory: str, params_text: str, env: dict[str, str],
        files: list[tuple[str, str, int]] | None = None, id: int | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        self.table = table
        self.id = table.next_id if id is None else id  #: unique in the study, for people
        self.number = table.base + self.id  #: unique in the runner, for the agents
        self.plan = plan
        self.argv = argv
        self.cwd: str | None = None
        self.steps: Sequence[JobStep] = ()  #: all of them, where there are several
        self.directory = directory
        self.params_text = params_text
        self.own: str | None = None  #: what the run alone has, and its parameters do not tell, as JSON
        self.env = env
        self.files = files  #: of its own, with their texts
        self.machine = RunMachine()
        self.history = NO_HISTORY  #: what attempts under former drivers leave to the next one
        self.due_at = 0.0  #: not to be started before, in monotonic time
        self.lease: Lease | None = None  #: held in this run's name
        self.place: object | None = None  #: where it was sent, as the engine knows it
        self.stop_cause: Cause | None = None  #: asked to stop, and why
        self.is_submitted = False  #: known to the engine
        self.is_unwanted = False  #: not to be started (again), but to finish if it runs
        self.message = ""  #: how the last attempt ended, for people
        self.last = NO_END  #: how the last attempt ended
        self.posted: tuple[str, Any] | None = None  #: what had been posted when the step before the next one ended

    @classmethod
    def of_steps(
        cls, table: RunTable, steps: Sequence[JobStep], directory: str, params_text: str, id: int | None = None,  # noqa: A002
    ) -> Job:  # fmt: skip
        """Return a run of several commands, one after the other."""
        first = steps[0]
        job = cls(table, first.plan, first.argv, directory, params_text, first.env, first.files, id)
        job.steps = steps
        job.enter_step(0)
        return job

    def enter_step(self, step: int) -> None:
        """Let this step be the one that comes next."""
        self.machine.step = step
        if self.steps:
            self.plan, self.argv, self.env, self.cwd, self.files = self.steps[step]

    def replace_plan(self, plan: Plan) -> None:
        """Have another plan for the present step from now on."""
        self.plan = plan
        if self.steps:
            step = self.machine.step
            self.steps = [*self.steps[:step], self.steps[step]._replace(plan=plan), *self.steps[step + 1 :]]

    @property
    def has_next_step(self) -> bool:
        """Whether a step follows the present one."""
        return self.machine.step + 1 < len(self.steps)
