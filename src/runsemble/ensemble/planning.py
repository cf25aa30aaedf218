"""What is pending in a stored study and what its runs have used, as the planner wants to know it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeAlias

import anyio.to_thread

from runsemble.ensemble.needs import StepNeeds, needs_of
from runsemble.model.resources import Request
from runsemble.model.status import Cause
from runsemble.runners.local import ParallelLocalRunner
from runsemble.sched.items import Item, Step
from runsemble.sched.plan import Plan, plan
from runsemble.sched.suggest import Ended, Suggestion, suggest
from runsemble.sched.supposed import suppose
from runsemble.store.reader import Reader
from runsemble.store.records import SampledAttempt

#: Ended attempts that are looked at.
SAMPLE = 10_000

#: What makes runs take alike: recipe, step, and what it asks for.
Key: TypeAlias = tuple[int, int, StepNeeds]
Durations: TypeAlias = Mapping[Key, Sequence[float]]


class Recipes:
    """What the steps of runs ask for, by recipe or by what they have of their own."""

    def __init__(self, recipes: Mapping[int, Mapping[str, Any]]) -> None:
        self._recipes = recipes
        self.needs = lru_cache(1024)(self._needs)

    def _needs(self, recipe: int, own: str | None) -> tuple[StepNeeds, ...]:
        return tuple(needs_of(self._recipes[recipe], own))

    def needs_at(self, attempt: SampledAttempt) -> StepNeeds | None:
        """Return what an attempt asked for; None where its run has changed so much that nobody knows."""
        needs = self.needs(attempt.recipe, attempt.own)
        return needs[attempt.step] if attempt.step < len(needs) else None


async def make_plan(
    reader: Reader, *, cores: int | None, gpus: int | None, mem_mib: int | None, nodes: int | None
) -> Plan:
    """Return what would come of what is pending; see `Ensemble.plan`."""
    recipes = Recipes(await reader.recipes())
    durations = durations_of(await reader.sample_attempts(SAMPLE), recipes)
    items = []
    for recipe, step, count in await reader.pending_alike():
        items.append(_item(recipe, recipes.needs(recipe, None), step, count, durations))
    alone = [(run.recipe, recipes.needs(run.recipe, run.own), run.step) async for run in reader.pending_apart()]
    items += [_item(*kind, len(list(runs)), durations) for kind, runs in groupby(alone)]
    asks_gpus = any(step.shape.gpus for item in items for step in item.steps)
    machine = await ParallelLocalRunner().find_inventory(Request(gpus=int(asks_gpus and gpus is None)))
    supposed = suppose([machine], cores=cores, gpus=gpus, mem_mib=mem_mib, count=nodes)
    return await anyio.to_thread.run_sync(plan, items, supposed)


def durations_of(attempts: Sequence[SampledAttempt], recipes: Recipes) -> Durations:
    """Return how long steps took, by what makes them alike: those that succeeded; else those that failed by exit."""
    good: dict[Key, list[float]] = defaultdict(list)
    bad: dict[Key, list[float]] = defaultdict(list)
    for attempt in attempts:
        needs = recipes.needs_at(attempt)
        if needs is not None and attempt.cause in (Cause.OK, Cause.EXIT):
            found = good if attempt.cause is Cause.OK else bad
            found[attempt.recipe, attempt.step, needs].append(attempt.wall_s)
    return {**bad, **good}


def _item(recipe: int, needs: Sequence[StepNeeds], step: int, count: int, durations: Durations) -> Item:
    """Return runs that go on at a step as the planner wants to know them."""
    first = min(step, len(needs) - 1)
    steps = (
        Step(shape=one.shape, duration_s=durations.get((recipe, at, one), one.timeout_s))
        for at, one in enumerate(needs[first:], first)
    )
    return Item(steps=tuple(steps), count=count)


async def make_suggestions(reader: Reader) -> list[Suggestion]:
    """Return what runs should ask for; see `Ensemble.suggest`."""
    recipes = Recipes(await reader.recipes())
    attempts = await reader.sample_attempts(SAMPLE)
    return await anyio.to_thread.run_sync(suggest, list(_ended(attempts, recipes)))


def _ended(attempts: Sequence[SampledAttempt], recipes: Recipes) -> Iterator[Ended]:
    for one in attempts:
        needs = recipes.needs_at(one)
        if needs is not None:
            cpu_s = (one.user_s or 0.0) + (one.system_s or 0.0)
            yield Ended(needs.shape, needs.timeout_s, one.wall_s, cpu_s, one.max_rss_bytes or 0, one.cause)
