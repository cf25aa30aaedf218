import random

import pytest

from runsemble.model.resources import Shape
from runsemble.sched.items import Item, Step
from runsemble.sched.workload import Kind, Sample, Workload

ONE, TWO = Shape(1), Shape(2, gpus=1)


def durations(work: Workload, *, seed: int = 0, in_waves: bool = False, sample: Sample | None = None) -> list[float]:
    """Return the durations of all runs of one step."""
    return [run.durations[0] for run in work.runs(lambda _: True, seed, in_waves=in_waves, sample=sample)]


def test_runs_come_in_the_order_of_their_items() -> None:
    work = Workload([Item.of(ONE, 2, 1.0), Item.of(TWO, 1, 2.0), Item.of(ONE, 1, 3)])
    assert durations(work) == [1.0, 1.0, 2.0, 3.0]
    assert len(work.kinds) == 2


def test_in_waves_every_step_takes_one() -> None:
    assert durations(Workload([Item.of(ONE, 2, 9.0), Item.of(ONE)]), in_waves=True) == [1.0, 1.0, 1.0]


def test_only_wanted_kinds_are_had() -> None:
    work = Workload([Item.of(ONE, 2, 1.0), Item.of(TWO, 1, 2.0)])

    def has_gpus(kind: Kind) -> bool:
        return kind.shapes[0].gpus > 0

    assert [run.shapes for run in work.runs(has_gpus, 0, in_waves=False)] == [(TWO,)]


def test_durations_are_drawn_from_what_others_took_the_same_for_a_seed() -> None:
    work = Workload([Item.of(ONE, 50, [1.0, 2.0])])
    assert set(durations(work)) == {1.0, 2.0}
    assert durations(work) == durations(work) != durations(work, seed=1)


def test_the_work_of_a_kind_is_what_is_expected_of_it() -> None:
    steps = (Step(shape=TWO, duration_s=[1.0, 3.0]), Step(shape=ONE, duration_s=5.0))
    (kind,) = Workload([Item(steps=steps, count=10)]).kinds
    assert kind.work(in_waves=False) == (90.0, 70.0, 20.0, 5.0)
    assert kind.work(in_waves=True) == (30.0, 20.0, 10.0, 2.0)


def test_runs_of_which_a_step_is_unknown_are_counted() -> None:
    (kind, *_) = Workload([Item(steps=(Step(shape=ONE, duration_s=1.0), Step(shape=ONE)), count=4)]).kinds
    assert kind.unknown_count == kind.count == 4


@pytest.mark.parametrize("count", [1, 7, 5000])
def test_a_sample_keeps_its_share_of_head_and_tail(count: int) -> None:
    source, sample = random.Random(0), Sample(50_000, 10.0, 2.0)
    kept = [sample.keep(count, source) for _ in range(100_000 // count)]
    half = len(kept) // 2
    assert sample.head_kept == 5000
    assert sum(kept[:half]) == pytest.approx(5000, rel=0.05)
    assert sum(kept[half:]) == pytest.approx(25_000, rel=0.05)


def test_what_is_not_sampled_is_kept_whole() -> None:
    work = Workload([Item.of(ONE, 1, float(number)) for number in range(1000)])
    kept = durations(work, sample=Sample(900, 10.0, 1.0))
    assert kept[-100:] == [float(number) for number in range(900, 1000)]
    assert len(kept) < 300
