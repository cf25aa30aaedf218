"""Makes jobs of the prepared runs of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from runsemble.model.resources import Request
from runsemble.runners.command import StudyCommand
from runsemble.runners.job import Job, JobStep, Plan, plan_fields
from runsemble.runners.study import PreparedRun, Study
from runsemble.runners.table import RunTable
from runsemble.workdir.staging import stage_list

#: How run directories are come by that may have been made before; "own": only by attempts at the very same run.
AgainMode = Literal["own", "reuse", "refill"]

#: Turns needs and the fields of a plan message into a plan.
NewPlan = Callable[[Request, dict[str, Any]], Plan]


class JobMaker:
    """Makes the jobs of one study; runs with the same needs share a plan.

    Args:
        study: Whose.
        table: Where the jobs are going to be.
        new_plan: Makes a plan that the agents of the runner do not know yet.
        directory: How run directories are come by, None: as the study says.
        env: Variables for every run, beside those of the study.
    """

    def __init__(
        self, study: Study, table: RunTable, new_plan: NewPlan, directory: AgainMode | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._study = study
        self._table = table
        self._new_plan = new_plan
        self._directory = directory or study.options.directory
        self._env = env or {}
        self._stage = stage_list(study.staged)
        self._plans: dict[Any, Plan] = {}
        self._common = [self._plan_of(command) for command in study.commands]

    @property
    def any_plan(self) -> Plan:
        """A plan of the study's."""
        return self._common[0]

    def make(self, run: PreparedRun, own: Sequence[StudyCommand] = ()) -> Job:
        """Return the job of a prepared run.

        Args:
            run: What was prepared.
            own: Its commands, if they are not the study's.
        """
        plans = [self._plan_of(command) for command in own] if own else self._common
        if len(plans) == 1:
            argv, env, cwd, files = run.commands[0]
            files = run.files if files is None else [*(run.files or ()), *files]
            job = Job(self._table, plans[0], argv, run.directory, run.params_text, env, files, run.id)
            job.cwd = cwd
            return job
        steps = [
            JobStep(plan, command.argv, command.env, command.cwd, [*(run.files or ()), *(command.files or ())] or None)
            for plan, command in zip(plans, run.commands, strict=True)
        ]
        return Job.of_steps(self._table, steps, run.directory, run.params_text, run.id)

    def _plan_of(self, command: StudyCommand) -> Plan:
        request = command.request
        call = self._study.located(command.call) if command.call is not None else None
        key = (request.shape, request.tasks, command.timeout_s, None if call is None else repr(call))
        plan = self._plans.get(key)
        if plan is None:
            env, output = {**self._study.base_environment(request), **self._env}, self._study.options.output
            fields = plan_fields(
                env, self._directory, output, self._stage, command.timeout_s, request.mem_mib, call,
                self._study.posts,
            )  # fmt: skip
            plan = self._plans[key] = self._new_plan(request, fields)
        return plan
