import heapq
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from runsemble.model.resources import Inventory, Shape
from runsemble.sched import rehearsal
from runsemble.sched.items import Item, Step
from runsemble.sched.plan import Plan, plan
from runsemble.sched.pool import Pool
from runsemble.sched.virtual import Span, VirtualStudy
from runsemble.sched.workload import Workload

durations = st.floats(0, 100)
shapes = st.builds(Shape, st.integers(1, 5), st.integers(0, 2), st.sampled_from([0, 100, 300]))
steps = st.builds(Step, shape=shapes, duration_s=durations | st.lists(durations, min_size=1, max_size=3).map(tuple))
items = st.builds(Item, steps=st.lists(steps, min_size=1, max_size=3).map(tuple), count=st.integers(1, 12))
workloads = st.lists(items, max_size=12)
nodes = st.builds(
    Inventory, cores=st.integers(1, 6).map(lambda n: tuple(range(n))),
    gpus=st.integers(0, 2).map(lambda n: tuple(map(str, range(n)))), mem_mib=st.sampled_from([0, 400, 1000]),
    slots=st.none() | st.integers(1, 4),
)  # fmt: skip
machines = st.lists(nodes, min_size=1, max_size=3)
NEARLY = 1 + 1e-9


def spans_of(work: Sequence[Item], machine: list[Inventory]) -> list[Span]:
    pool = Pool(machine)
    runs = Workload(work).runs(lambda kind: all(pool.capacity(s) for s in kind.shapes), 0, in_waves=False)
    return list(VirtualStudy(runs, pool).spans())


@given(workloads, machines)
def test_nothing_is_given_to_two_at_any_moment(work: list[Item], machine: list[Inventory]) -> None:
    spans = spans_of(work, machine)
    for moment in {span.start for span in spans}:
        under_way = [span for span in spans if span.start <= moment < span.end]
        for at, node in enumerate(machine):
            here = [span.grant for span in under_way if span.grant.node == at]
            for ids, there in (
                ([core for grant in here for core in grant.cores], node.cores),
                ([gpu for grant in here for gpu in grant.gpus], node.gpus),
            ):
                assert len(ids) == len(set(ids))
                assert set(ids) <= set(there)
            assert not node.mem_mib or sum(grant.shape.mem_mib for grant in here) <= node.mem_mib
            assert node.slots is None or len(here) <= node.slots


@given(workloads, machines)
def test_every_step_of_every_run_that_fits_is_played_once(work: list[Item], machine: list[Inventory]) -> None:
    pool = Pool(machine)
    fitting = [item for item in work if all(pool.capacity(step.shape) for step in item.steps)]
    spans = spans_of(work, machine)
    assert len(spans) == sum(item.count * len(item.steps) for item in fitting)
    assert sum(span.is_last for span in spans) == sum(item.count for item in fitting)
    assert all(span.since <= span.start <= span.end for span in spans)
    assert [span.end for span in spans] == sorted(span.end for span in spans)


def longest(work: list[Item], machine: list[Inventory]) -> float:
    """Return how long the longest run that fits takes at least."""
    pool = Pool(machine)
    fitting = [item.steps for item in work if all(pool.capacity(step.shape) for step in item.steps)]

    def least(step: Step) -> float:
        known = step.duration_s
        return known if isinstance(known, int | float) else min(known or [0.0])

    return max((sum(map(least, steps)) for steps in fitting), default=0.0)


def check_bounds(found: Plan, work: list[Item], machine: list[Inventory]) -> None:
    assert found.makespan * NEARLY >= longest(work, machine)
    assert found.makespan * found.machine.cores * NEARLY >= found.used_core
    assert 0 <= found.machine.busy_cores <= NEARLY
    assert found.busy_gpus is None or 0 <= found.busy_gpus <= NEARLY
    assert 0 <= found.tail <= found.makespan * NEARLY
    assert found.run_count + sum(never.count for never in found.never) == sum(item.count for item in work)


@given(workloads, machines)
def test_no_makespan_is_below_the_area_or_the_longest_run(work: list[Item], machine: list[Inventory]) -> None:
    found = plan(work, machine)
    assert not found.is_sampled
    check_bounds(found, work, machine)


@settings(max_examples=30)
@given(st.lists(items.map(lambda item: Item(steps=item.steps, count=40 * item.count)), max_size=6), machines)
def test_no_estimate_is_below_the_area_or_the_longest_run(work: list[Item], machine: list[Inventory]) -> None:
    most, sampled = rehearsal.MOST, rehearsal.SAMPLED
    rehearsal.MOST, rehearsal.SAMPLED = 4000, 2000
    try:
        check_bounds(plan(work, machine), work, machine)
    finally:
        rehearsal.MOST, rehearsal.SAMPLED = most, sampled


@given(workloads, st.lists(shapes, min_size=1, max_size=3), machines)
def test_a_plan_comes_to_an_end_where_durations_are_unknown(
    work: list[Item], unknown: list[Shape], machine: list[Inventory]
) -> None:
    found = plan([*work, *(Item.of(shape, 3) for shape in unknown)], machine)
    assert (found.unit == "waves") == (found.unknown_count > 0)
    assert found.unit == "s" or found.makespan == int(found.makespan)


@given(st.lists(durations, min_size=1, max_size=120), st.integers(1, 8), st.integers(1, 3))
def test_runs_of_one_shape_are_scheduled_as_a_list(taken: list[float], slots: int, cores: int) -> None:
    free = [0.0] * slots
    for duration_s in taken:
        heapq.heapreplace(free, free[0] + duration_s)
    work = [Item.of(Shape(cores), 1, duration_s) for duration_s in taken]
    assert plan(work, [Inventory(cores=tuple(range(slots * cores)))]).makespan == max(free)


@given(workloads, machines, st.integers(0, 3))
def test_the_same_seed_gives_the_same_plan(work: list[Item], machine: list[Inventory], seed: int) -> None:
    assert plan(work, machine, seed=seed) == plan(iter(work), machine, seed=seed)


@given(st.lists(durations, min_size=1, max_size=60), st.integers(1, 6))
def test_one_shape_is_over_no_later_on_twice_the_cores(taken: list[float], cores: int) -> None:
    work = [Item.of(Shape(1), 1, duration_s) for duration_s in taken]
    makespans = [one.makespan for one in plan(work, [Inventory(cores=tuple(range(cores)))]).scales]
    assert makespans == sorted(makespans, reverse=True)
