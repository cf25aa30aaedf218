"""Where the random numbers of a call come from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from runsemble.inrun import reseed

numpy = pytest.importorskip("numpy")

RNG = random.Random(1)
SYSTEM = random.SystemRandom()
NEW = numpy.random.default_rng(2)
OLD = numpy.random.RandomState(3)
OTHER = numpy.random.Generator(numpy.random.Philox(4))


@pytest.fixture(autouse=True)
def states_are_put_back() -> Iterator[None]:
    before, numpys = random.getstate(), numpy.random.get_state()
    yield
    random.setstate(before)
    numpy.random.set_state(numpys)


def draw() -> tuple[float, float]:
    return random.random(), float(numpy.random.random())


def numbers(seed: int | None, run_id: int) -> tuple[float, float]:
    reseed.reseed(seed, run_id)
    return draw()


def test_a_seed_with_a_run_gives_the_same_numbers_again() -> None:
    assert numbers(1, 2) == numbers(1, 2)


def test_every_pair_of_seed_and_run_gives_other_numbers() -> None:
    pairs = [(seed, run_id) for seed in (0, 1, 12, -1, 2**70) for run_id in (0, 1, 2, 21)]
    drawn = [numbers(*pair) for pair in pairs]
    assert len({mine for mine, _ in drawn}) == len({numpys for _, numpys in drawn}) == len(pairs)


def test_without_a_seed_numpys_numbers_are_chances() -> None:
    assert numbers(None, 1)[1] != numbers(None, 1)[1]


def uses_them() -> Any:
    return RNG, SYSTEM, NEW, OLD, OTHER


def test_a_functions_generators_are_found_among_its_globals_and_around_it() -> None:
    inner = random.Random()
    found = reseed.generators_of(lambda: inner)
    assert {id(one) for one in found} == {id(one) for one in (RNG, NEW, OLD, OTHER, inner)}
    assert reseed.generators_of(None) == []
    assert reseed.generators_of(len) == []


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("make", [
    lambda: random.Random(1),
    lambda: numpy.random.default_rng(1),
    lambda: numpy.random.RandomState(1),
    lambda: numpy.random.Generator(numpy.random.Philox(1)),
    lambda: numpy.random.Generator(numpy.random.MT19937(1)),
])  # fmt: skip
def test_a_functions_generator_is_parted_by_run(make: Any, seed: int | None) -> None:
    def first(run_id: int) -> float:
        generator = make()
        reseed.part([generator], seed, run_id)
        return float(generator.random())

    assert first(1) == first(1)
    assert len({first(run_id) for run_id in range(20)} | {float(make().random())}) == 21


def test_two_generators_of_a_function_draw_different_numbers() -> None:
    pair = [random.Random(1), random.Random(1)]
    reseed.part(pair, 3, 1)
    assert pair[0].random() != pair[1].random()
