"""Plans and suggestions from what is stored: what is pending, and what those that have ended took."""

from __future__ import annotations

from pathlib import Path

import pytest

from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import RequestError
from runsemble.model.step import Step

from .ensembles import made, shell


async def test_without_anything_known_a_plan_counts_in_waves(here: Path) -> None:
    plan = await (await made("true", runs=10)).plan(cores=4)
    assert (plan.unit, plan.run_count, plan.makespan, plan.unknown_count) == ("waves", 10, 3.0, 10)


async def test_a_time_limit_stands_in_for_what_nobody_knows(here: Path) -> None:
    plan = await (await made("true", runs=8, timeout_s=60, cores=2)).plan(cores=4, nodes=2)
    assert (plan.unit, plan.makespan) == ("s", 120.0)
    assert (plan.machine.nodes, plan.machine.cores) == (2, 8)


async def test_runs_that_have_ended_say_how_long_others_take(here: Path) -> None:
    ensemble = await made(*shell("sleep 0.2"), runs=40, timeout_s=1000)
    await ensemble.execute(only=[0, 1])
    plan = await ensemble.plan(cores=2)
    assert plan.run_count == 38
    assert 19 * 0.2 <= plan.makespan < 19 * 2


async def test_only_what_is_left_of_a_run_of_several_steps_is_planned(here: Path) -> None:
    steps = [Step(["true"], timeout_s=100), Step(shell("exit 1"), timeout_s=10, cores=2)]
    ensemble = await Ensemble.create("sweep", runs=[RunSpec({"x": x}, steps) for x in range(4)])
    assert (await ensemble.plan(cores=4)).makespan == 120.0
    await ensemble.execute(only=[0])
    await ensemble.requeue_runs([0])
    plan = await ensemble.plan(cores=4)
    assert plan.run_count == 4
    assert [wait.shape.cores for wait in plan.waits] == [2, 1] or [wait.shape.cores for wait in plan.waits] == [1, 2]
    assert plan.makespan < 120.0


async def test_what_never_fits_is_named_on_the_machine_that_is_supposed(here: Path) -> None:
    ensemble = await made("true", runs=3, cores=8, mem_mib=4096)
    (never,) = (await ensemble.plan(cores=4)).never
    assert (never.count, never.shape.cores) == (3, 8)
    assert (await ensemble.plan(cores=8, mem_mib=8192)).never == ()
    assert (await ensemble.plan(cores=8, mem_mib=1024)).never[0].count == 3
    with pytest.raises(RequestError, match="nodes must be a whole number of at least 1"):
        await ensemble.plan(nodes=0)


async def test_suggestions_compare_what_was_asked_with_what_was_used(here: Path) -> None:
    ensemble = await made(*shell("sleep 0.05"), runs=6, timeout_s=3600, mem_mib=1000, cores=2)
    assert await ensemble.suggest() == []
    await ensemble.execute()
    (suggestion,) = await ensemble.suggest()
    assert (suggestion.shape.cores, suggestion.shape.mem_mib, suggestion.count) == (2, 1000, 6)
    suggested = {advice.what: advice.suggested for advice in suggestion.advices}
    assert suggested["mem"] == 64
    assert suggested["cores"] == 1
    assert suggested["time"] is not None
    assert suggested["time"] < 60
