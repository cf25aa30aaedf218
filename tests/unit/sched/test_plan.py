from collections.abc import Iterator

import pytest

from runsemble.errors import RequestError, UsageError
from runsemble.model.resources import Inventory, Shape
from runsemble.sched.items import Item, Step
from runsemble.sched.plan import plan

ONE, TWO, FOUR = Shape(1), Shape(2), Shape(4)
LAPTOP = [Inventory(cores=(0, 1, 2, 3))]
NODE = Inventory(cores=tuple(range(64)), gpus=("0", "1", "2", "3"), mem_mib=1000)


def test_equal_runs_fill_the_machine_wave_by_wave() -> None:
    found = plan([Item.of(ONE, 10, 5.0)], LAPTOP)
    assert (found.unit, found.makespan) == ("s", 15.0)
    assert (found.asked_core, found.used_core) == (60.0, 50.0)
    assert found.machine.busy_cores == pytest.approx(50 / 60)
    assert found.busy_gpus is None
    assert not found.is_sampled


def test_nothing_to_run_takes_no_time() -> None:
    found = plan([], LAPTOP)
    assert (found.makespan, found.run_count, found.tail, found.machine.busy_cores) == (0.0, 0, 0.0, 0.0)


def test_without_durations_the_answer_is_in_waves() -> None:
    found = plan([Item.of(ONE, 9), Item.of(ONE, 3, 1000.0)], LAPTOP)
    assert (found.unit, found.unknown_count, found.makespan) == ("waves", 9, 3.0)


def test_runs_that_never_fit_do_not_make_the_unit_unknown() -> None:
    found = plan([Item.of(Shape(99), 2), Item.of(ONE, 4, 3.0)], LAPTOP)
    assert (found.unit, found.unknown_count, found.makespan) == ("s", 0, 3.0)
    assert plan([Item.of(Shape(8), 2), Item.of(ONE, 4, 3.0)], LAPTOP).unit == "waves", "they fit twice the cores"


def test_what_never_fits_is_said_with_the_reason() -> None:
    found = plan([Item.of(Shape(8), 3, 1.0), Item.of(Shape(8), 2, 1.0), Item.of(ONE, 1, 1.0)], LAPTOP)
    (never,) = found.never
    assert (never.shape, never.count) == (Shape(8), 5)
    assert never.why == "a run asks for 8 cores, but this runner has 4 cores and 0 GPUs"
    assert found.run_count == 1


def test_a_run_of_which_one_step_never_fits_is_not_begun() -> None:
    steps = (Step(shape=ONE, duration_s=1.0), Step(shape=Shape(9), duration_s=1.0))
    found = plan([Item(steps=steps)], LAPTOP)
    assert (found.makespan, found.never[0].shape) == (0.0, Shape(9))


def test_steps_of_a_run_follow_each_other() -> None:
    assert plan([Item.of(ONE, 1, 2.0, steps=3)], LAPTOP).makespan == 6.0
    pair = (Step(shape=FOUR, duration_s=1.0), Step(shape=ONE, duration_s=10.0))
    assert plan([Item(steps=pair, count=4)], LAPTOP).makespan == 14.0, "first steps are older than second ones"


def test_a_shape_is_told_how_long_it_waits() -> None:
    found = plan([Item.of(ONE, 4, 10.0), Item.of(FOUR, 1, 1.0), Item.of(TWO, 1, 1.0)], LAPTOP)
    assert [(wait.shape, wait.count, wait.mean, wait.longest) for wait in found.waits] == [
        (TWO, 1, 11.0, 11.0),
        (FOUR, 1, 10.0, 10.0),
        (ONE, 4, 0.0, 0.0),
    ]


def test_the_tail_is_how_long_the_machine_is_nearly_idle_at_the_end() -> None:
    assert plan([Item.of(ONE, 63, 10.0), Item.of(ONE, 1, 25.0)], [NODE]).tail == 15.0
    assert plan([Item.of(ONE, 64, 10.0)], [NODE]).tail == 0.0


def test_a_machine_whose_gpus_are_busy_is_not_idle() -> None:
    found = plan([Item.of(Shape(1, gpus=1), 4, 10.0), Item.of(ONE, 1, 12.0)], [NODE])
    assert found.tail == 2.0
    assert found.busy_gpus == pytest.approx(40 / 48)


def test_half_and_twice_the_cores_are_compared() -> None:
    found = plan([Item.of(ONE, 64, 10.0)], [NODE])
    assert [(one.cores, one.gpus, one.makespan, one.is_given) for one in found.scales] == [
        (32, 4, 20.0, False),
        (64, 4, 10.0, True),
        (128, 4, 10.0, False),
    ]
    assert [one.busy_cores for one in found.scales] == [1.0, 1.0, 0.5]


def test_of_several_nodes_half_and_twice_as_many_are_compared() -> None:
    found = plan([Item.of(Shape(64, gpus=4), 6, 10.0)], [NODE, NODE])
    assert [(one.nodes, one.gpus, one.makespan) for one in found.scales] == [(1, 4, 60.0), (2, 8, 30.0), (4, 16, 20.0)]


def test_what_does_not_fit_a_smaller_machine_is_counted() -> None:
    found = plan([Item.of(FOUR, 2, 10.0), Item.of(ONE, 1, 1.0)], LAPTOP)
    assert [one.never_count for one in found.scales] == [2, 0, 0]


def test_one_core_has_no_half() -> None:
    assert [one.cores for one in plan([Item.of(ONE)], [Inventory(cores=(0,))]).scales] == [1, 2]


def test_memory_limits_how_many_run() -> None:
    assert plan([Item.of(Shape(1, mem_mib=500), 10, 1.0)], [NODE]).makespan == 5.0


def test_slots_stand_in_for_cores() -> None:
    found = plan([Item.of(FOUR, 16, 1.0)], [Inventory(cores=tuple(range(8)), counts_cores=False)])
    assert (found.makespan, found.counts_cores, found.machine.busy_cores) == (2.0, False, 1.0)


def test_measured_durations_are_drawn_from() -> None:
    found = plan([Item.of(ONE, 400, [1.0, 3.0])], LAPTOP)
    assert found.used_core == pytest.approx(800, rel=0.1)
    assert plan([Item.of(ONE, 400, [1.0, 3.0])], LAPTOP, seed=1).used_core != found.used_core


@pytest.mark.parametrize("duration_s", [-1.0, float("nan"), float("inf"), [], [1.0, -1.0]])
def test_what_is_no_duration_is_refused(duration_s: float | list[float]) -> None:
    with pytest.raises(UsageError):
        plan([Item.of(ONE, 1, duration_s)], LAPTOP)


def test_items_without_runs_or_steps_are_refused() -> None:
    with pytest.raises(RequestError):
        Item.of(ONE, 0)
    with pytest.raises(UsageError):
        Item(steps=())


MILLION = 10**6


def test_a_million_runs_are_planned_from_a_sample_of_them() -> None:
    found = plan([Item.of(ONE, MILLION, [1.0, 2.0, 3.0])], [NODE], factors=())
    assert found.is_sampled
    assert found.run_count == MILLION
    assert found.played_count < MILLION / 20
    assert found.used_core == pytest.approx(2 * MILLION)
    assert found.makespan == pytest.approx(2 * MILLION / 64, rel=0.01)


def test_what_a_sample_may_miss_still_counts() -> None:
    work = [Item.of(ONE, 100_000, 0.001), Item.of(ONE, 1, 500.0), Item.of(ONE, MILLION, 0.001)]
    assert plan(work, [NODE], factors=()).makespan >= 500.0


def test_a_large_machine_is_planned_from_a_part_of_it() -> None:
    found = plan([Item.of(Shape(64), 3000, 7.0), Item.of(ONE, MILLION, 7.0)], [NODE] * 300, factors=())
    assert found.is_sampled
    assert found.machine.busy_cores > 0.9
    assert found.makespan == pytest.approx(7 * (3000 * 64 + MILLION) / (300 * 64), rel=0.1)


def test_a_million_different_runs_are_read_once_and_in_order() -> None:
    def growing() -> Iterator[Item]:
        for number in range(200_000):
            yield Item.of(ONE, 1, number / 1000)

    found = plan(growing(), LAPTOP, factors=())
    assert found.run_count == 200_000
    assert found.makespan == pytest.approx(200_000 * 100 / 4, rel=0.01)
