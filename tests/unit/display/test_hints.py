import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from runsemble.display.hints import MOST, find_clusters

Study = list[tuple[Mapping[str, Any], bool]]


def study(count: int, params_of: Callable[[int], Mapping[str, Any]], fails: Callable[[Any], bool]) -> Study:
    """Return runs, and which of them fail."""
    return [(params, fails(params)) for params in map(params_of, range(count))]


def words(runs: Study) -> list[str]:
    return [str(cluster) for cluster in find_clusters(runs)]


def grid(at: int) -> dict[str, Any]:
    return {"beta": at % 5 / 10, "gamma": at // 5 % 3, "name": "abcd"[at // 15 % 4]}


def test_a_value_at_which_every_run_fails_is_found() -> None:
    runs = study(60, grid, lambda p: p["gamma"] == 1)
    assert words(runs) == ["gamma = 1: 20 of 20 runs failed, elsewhere 0 of 40"]


def test_a_value_is_found_among_other_failures() -> None:
    noise = random.Random(1)
    runs = study(60, grid, lambda p: p["name"] == "c" or noise.random() < 0.1)
    (found,) = words(runs)
    assert found.startswith("name = c: 15 of 15 runs failed, elsewhere ")


@pytest.mark.parametrize(
    ("fails", "relation", "value", "failed"),
    [(lambda x: x >= 70, "≥", 70, 30), (lambda x: x < 20, "≤", 19, 20), (lambda x: x > 89.5, "≥", 90, 10)],
)
def test_a_threshold_is_found(fails: Callable[[float], bool], relation: str, value: int, failed: int) -> None:
    (found,) = find_clusters(study(100, lambda at: {"x": at * 37 % 100}, lambda p: fails(p["x"])))
    assert (found.relation, found.value, found.failed, found.runs) == (relation, value, failed, failed)
    assert (found.failed_elsewhere, found.runs_elsewhere) == (0, 100 - failed)


def test_a_threshold_is_found_among_other_failures() -> None:
    noise = random.Random(2)
    runs = study(200, lambda _: {"x": noise.random()}, lambda p: p["x"] > 0.8 or noise.random() < 0.05)
    (found,) = find_clusters(runs)
    assert found.relation == "≥"
    assert 0.75 < found.value < 0.85


@pytest.mark.parametrize(
    "value", [True, None, "a\nb", [1, {}], {"a": 1}, float("nan"), float("inf"), 10**400, -0.0, (1, 2), "x" * 10_000]
)
def test_any_value_can_be_the_culprit(value: Any) -> None:
    runs = study(40, lambda at: {"x": value if at % 4 == 0 else at % 4}, lambda p: p["x"] is value)
    (found,) = find_clusters(runs)
    assert found.value is value
    assert (found.failed, found.runs, found.failed_elsewhere) == (10, 10, 0)


def test_values_of_different_types_are_different_values() -> None:
    values = [1, True, 1.0, "1"]
    runs = study(80, lambda at: {"x": values[at % 4]}, lambda p: p["x"] is True)
    assert words(runs) == ["x = True: 20 of 20 runs failed, elsewhere 0 of 60"]


def test_a_parameter_that_not_every_run_has_is_looked_at_where_it_is() -> None:
    runs = study(60, lambda at: {"x": at % 3} if at % 2 else {"y": at}, lambda p: p.get("x") == 2)
    assert words(runs) == ["x = 2: 10 of 10 runs failed, elsewhere 0 of 20"]


def test_the_clearest_clusters_come_first_and_there_are_few() -> None:
    names = [f"p{at}" for at in range(10)]
    runs = study(100, lambda at: dict.fromkeys(names, at % 5) | {"best": at % 4}, lambda p: p["best"] == 1)
    found = find_clusters(runs)
    assert found[0].parameter == "best"
    many = study(100, lambda at: dict.fromkeys(names, at % 5), lambda p: p["p0"] == 1)
    assert len(find_clusters(many)) == MOST


@pytest.mark.parametrize("failing", [0, 1, 60])
def test_nothing_is_said_where_there_is_nothing_to_compare(failing: int) -> None:
    assert find_clusters([(grid(at), at < failing) for at in range(60)]) == []


def test_nothing_is_said_of_no_runs_and_of_runs_without_parameters() -> None:
    assert find_clusters([]) == []
    assert find_clusters([({}, at % 2 == 0) for at in range(20)]) == []


def test_a_constant_parameter_is_no_culprit() -> None:
    assert find_clusters([({"x": 1}, at < 5) for at in range(20)]) == []


def test_failures_spread_evenly_are_no_cluster() -> None:
    assert find_clusters([(grid(at), at % 7 == 0) for at in range(60)]) == []


def test_many_runs_with_many_values_are_looked_through_at_once() -> None:
    runs = study(20_000, lambda at: {"seed": at, "x": at % 300, "y": f"{at}"}, lambda p: p["x"] < 30)
    assert words(runs)[0] == "x ≤ 29: 2010 of 2010 runs failed, elsewhere 0 of 17990"


def continuous(source: random.Random, _: int) -> dict[str, Any]:
    return {"x": source.random(), "y": source.random()}


def mixed(source: random.Random, at: int) -> dict[str, Any]:
    return {"x": source.random(), "solver": source.choice("abc"), "n": source.randrange(10), "seed": at}


def many(source: random.Random, _: int) -> dict[str, Any]:
    return {f"x{at}": source.random() for at in range(8)}


@pytest.mark.parametrize("params_of", [lambda _, at: grid(at), continuous, mixed, many])
def test_random_failures_hardly_ever_look_like_a_cluster(
    params_of: Callable[[random.Random, int], dict[str, Any]],
) -> None:
    false = 0
    for seed in range(200):
        source = random.Random(seed)
        share, count = source.uniform(0.1, 0.3), source.choice([20, 50, 100, 200])
        false += bool(find_clusters([(params_of(source, at), source.random() < share) for at in range(count)]))
    assert false <= 6  # of 200 studies, of which 2 in the long run are promised
