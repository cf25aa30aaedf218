"""Gives a run that ran out of memory or time more of it in its next attempt."""

from __future__ import annotations

import math

from runsemble.model.resources import Shape
from runsemble.runners.job import Job, Plan
from runsemble.sched.pool import Pool
from runsemble.sched.retry import Decision


class Growth:
    """Makes plans that ask for more; runs that grow alike share them.

    Args:
        pool: What there is at most.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._plans: dict[tuple[int, int, float | None], Plan] = {}

    def grow_again(self, job: Job) -> None:
        """Let a run ask for as much as it did under former drivers."""
        for step, decision in job.history.growth:
            self.grow_in(step, job, decision)

    def grow_in(self, step: int, job: Job, decision: Decision) -> None:
        """Let a run ask for more in some step, as far as there is more."""
        present = job.machine.step
        job.enter_step(step)
        self.grow(job, decision)
        job.enter_step(present)

    def grow(self, job: Job, decision: Decision) -> None:
        """Let a run ask for more in its present step, as far as there is more."""
        if decision.mem_factor == 1.0 and decision.time_factor == 1.0:
            return
        plan = job.plan
        mem_mib, timeout_s = plan.fields["mem_mib"], plan.fields["timeout_s"]
        if mem_mib and decision.mem_factor > 1.0:
            mem_mib = self._most_memory(plan.shape, math.ceil(mem_mib * decision.mem_factor))
        if timeout_s is not None:
            timeout_s *= decision.time_factor
        key = (plan.number, mem_mib, timeout_s)
        if key not in self._plans:
            env = {**plan.fields["env"], "RUNSEMBLE_MEM_MIB": str(mem_mib)}
            fields = {**plan.fields, "mem_mib": mem_mib, "timeout_s": timeout_s, "env": env}
            number = -1 - len(self._plans)  # no plan of the runner's has such a number
            shape = Shape(plan.shape.cores, plan.shape.gpus, mem_mib, plan.shape.named)
            self._plans[key] = plan._replace(number=number, fields=fields, shape=shape)
        job.replace_plan(self._plans[key])

    def _most_memory(self, shape: Shape, wanted_mib: int) -> int:
        """Return as much of `wanted_mib` as a node can give to a run of this shape; at least what it had."""
        if not self._pool.why_never(Shape(shape.cores, shape.gpus, wanted_mib, shape.named)):
            return wanted_mib
        sizes = [node.mem_mib for node in self._pool.nodes]
        able = [size for size in sizes if not self._pool.why_never(Shape(shape.cores, shape.gpus, size, shape.named))]
        return max([shape.mem_mib, *able])
