from runsemble.display.plan import plan_lines
from runsemble.model.resources import Inventory, Shape
from runsemble.sched.items import Item
from runsemble.sched.plan import plan

NODE = Inventory(cores=tuple(range(64)), gpus=("0", "1", "2", "3"))
LAPTOP = Inventory(cores=(0, 1, 2, 3))


def test_a_plan_begins_with_the_answer() -> None:
    assert plan_lines(plan([Item.of(Shape(1), 960, 60.0)], [NODE]), 80) == [
        "960 runs would take 15 min 0 s on 64 cores and 4 GPUs",
        "100 % of cores busy, 0 % of GPUs busy, 16 of 16 core-hours used",
        "",
        "cores  GPUs       takes   busy",
        "   32     4  30 min 0 s  100 %",
        "   64     4  15 min 0 s  100 %",
        "  128     4   8 min 0 s   94 %",
    ]


def test_what_is_not_known_is_said_and_counted_in_waves() -> None:
    lines = plan_lines(plan([Item.of(Shape(1), 10)], [LAPTOP]), 80)
    assert lines[:3] == [
        "10 runs would take 3 waves on 4 cores",
        "nobody knows how long 10 runs will take: a wave is the time of one run",
        "83 % of cores busy",
    ]


def test_idle_ends_and_waits_and_misfits_are_told() -> None:
    work = [Item.of(Shape(1), 64, 10.0), Item.of(Shape(64), 1, 30.0), Item.of(Shape(2), 1, 60.0), Item.of(Shape(99), 2)]
    lines = plan_lines(plan(work, [NODE], factors=()), 80)
    assert lines == [
        "66 runs would take 1 min 40 s on 64 cores and 4 GPUs",
        "42 % of cores busy, 0 % of GPUs busy, 0.744 of 1.78 core-hours used",
        "in the last 1 min 0 s of it less than a quarter of the machine is busy",
        "with 2 cores a run waits 40 s on average, 40 s at most",
        "with 64 cores a run waits 10 s on average, 10 s at most",
        "2 runs would never start: a run asks for 99 cores, but this runner has 64 cores and 4 GPUs",
    ]


def test_runs_that_do_not_fit_a_smaller_machine_are_in_the_table() -> None:
    lines = plan_lines(plan([Item.of(Shape(64), 2, 1.0), Item.of(Shape(1), 2, 1.0)], [NODE, NODE]), 80)
    assert lines[-4:] == [
        "nodes  cores  GPUs  takes  busy",
        "    1     64     4  3.0 s  68 %",
        "    2    128     8  2.0 s  51 %",
        "    4    256    16  1.0 s  51 %",
    ]
    assert plan_lines(plan([Item.of(Shape(4), 2, 1.0), Item.of(Shape(1), 2, 1.0)], [LAPTOP]), 80)[-3].endswith("2 runs")


def test_a_sample_is_said_to_be_one() -> None:
    lines = plan_lines(plan([Item.of(Shape(1), 10**6, 1.0)], [LAPTOP], factors=()), 80)
    assert any(
        line.startswith("estimated from ") and line.endswith(" of 1000000 runs, played one by one") for line in lines
    )
