import math
import sys
from typing import Any

import pytest

from runsemble.errors import ParameterError
from runsemble.space.sample import METHODS, Distribution, loguniform, normal, sample, uniform

SAMPLED = pytest.mark.parametrize("method", METHODS)


@pytest.fixture(autouse=True)
def scipy_where_needed(request: pytest.FixtureRequest) -> None:
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("method") in ("lhs", "sobol"):
        pytest.importorskip("scipy")


@SAMPLED
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_as_many_points_are_drawn_as_were_asked_for(method: str, count: int) -> None:
    points = sample(method, count, x=uniform(-1, 1), y=normal(0, 1), z=loguniform(1e-4, 1e-1))
    assert len(points) == count
    assert all(list(point) == ["x", "y", "z"] for point in points)
    assert all(type(value) is float and math.isfinite(value) for point in points for value in point.values())


@SAMPLED
def test_what_is_drawn_is_where_it_should_be(method: str) -> None:
    points = sample(method, 100, x=uniform(-3, -1), z=loguniform(1e-4, 1e-1))
    assert all(-3 <= point["x"] <= -1 and 1e-4 <= point["z"] <= 1e-1 for point in points)
    assert len({point["x"] for point in points}) == 100


@SAMPLED
def test_the_same_seed_gives_the_same_points(method: str) -> None:
    axes = {"x": uniform(0, 1), "y": normal(5, 2)}
    assert sample(method, 8, 3, **axes) == sample(method, 8, 3, **axes)
    assert sample(method, 8, 3, **axes) != sample(method, 8, 4, **axes)


@SAMPLED
@pytest.mark.parametrize("seed", [0, 2**31, 2**63, 10**30])
def test_a_seed_of_any_size_will_do(method: str, seed: int) -> None:
    assert len(sample(method, 2, seed, x=uniform(0, 1))) == 2


@pytest.mark.parametrize("method", ["lhs", "sobol"])
def test_a_seed_below_zero_is_refused_where_it_cannot_be(method: str) -> None:
    with pytest.raises(ParameterError, match="seed"):
        sample(method, 2, -1, x=uniform(0, 1))


def test_a_latin_hypercube_has_a_point_in_every_slice() -> None:
    pytest.importorskip("scipy")
    points = sample("lhs", 10, x=uniform(0, 1), y=uniform(0, 1))
    for name in ("x", "y"):
        assert sorted(int(point[name] * 10) for point in points) == list(range(10))


def test_a_sobol_sequence_has_a_point_in_every_slice() -> None:
    pytest.importorskip("scipy")
    points = sample("sobol", 16, x=uniform(0, 1))
    assert sorted(int(point["x"] * 16) for point in points) == list(range(16))


def test_parameters_may_be_called_like_the_arguments() -> None:
    (point,) = sample("random", 1, method=uniform(0, 1), count=uniform(0, 1), seed=uniform(0, 1))
    assert list(point) == ["method", "count", "seed"]


@pytest.mark.parametrize("method", ["", "LHS", "latin", "grid"])
def test_a_method_that_is_none_is_refused_with_those_there_are(method: str) -> None:
    with pytest.raises(ParameterError, match=f"no method '{method}' to draw samples; there are lhs, sobol, random"):
        sample(method, 1, x=uniform(0, 1))


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", None, True])
def test_a_count_that_is_none_is_refused(count: Any) -> None:
    with pytest.raises(ParameterError, match="a sample has at least 1 point, not"):
        sample("random", count, x=uniform(0, 1))


@pytest.mark.parametrize(("method", "count"), [("lhs", 10**15), ("sobol", 2**31)])
def test_more_points_than_can_be_drawn_are_refused(method: str, count: int) -> None:
    with pytest.raises(ParameterError):
        sample(method, count, x=uniform(0, 1))


def test_a_sample_of_nothing_is_refused() -> None:
    with pytest.raises(ParameterError, match="nothing to draw"):
        sample("random", 1)


@pytest.mark.parametrize("axis", [[1, 2], 0.5])
def test_what_is_no_distribution_is_refused(axis: Any) -> None:
    with pytest.raises(ParameterError, match="x"):
        sample("random", 1, x=axis)


@pytest.mark.parametrize("method", ["lhs", "sobol"])
def test_without_scipy_the_error_says_how_to_get_it(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(ParameterError, match=rf"{method} samples need scipy: pip install 'runsemble\[samplers\]'"):
        sample(method, 1, x=uniform(0, 1))


def test_plain_random_numbers_need_no_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    assert len(sample("random", 3, x=uniform(0, 1))) == 3


@pytest.mark.parametrize(
    ("distribution", "p", "value"),
    [
        (uniform(2, 4), 0.0, 2.0),
        (uniform(2, 4), 0.5, 3.0),
        (uniform(2, 4), 1.0, 4.0),
        (loguniform(1e-4, 1e-2), 0.0, 1e-4),
        (loguniform(1e-4, 1e-2), 0.5, 1e-3),
        (normal(5, 2), 0.5, 5.0),
        (normal(0, 1), 0.8413447460685429, 1.0),
    ],
)
def test_quantiles_are_those_of_the_distribution(distribution: Distribution, p: float, value: float) -> None:
    assert distribution.quantile(p) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_even_the_ends_of_a_normal_distribution_are_finite(p: float) -> None:
    assert abs(normal(0, 1).quantile(p)) < 10


@pytest.mark.parametrize(
    "distribution", [uniform(-1.5e308, 1.5e308), loguniform(1e-200, 1e200), loguniform(5e-324, 1.0)], ids=repr
)
def test_a_wide_distribution_is_no_infinite_one(distribution: Distribution) -> None:
    assert all(math.isfinite(distribution.quantile(p)) for p in (0.0, 0.5, 1.0))


@pytest.mark.parametrize(("low", "high"), [(0.7476943689154186, 0.857509031365634), (1e-3, 1.0), (0.1, 0.3)])
def test_nothing_beyond_the_ends_is_drawn(low: float, high: float) -> None:
    assert low <= loguniform(low, high).quantile(1 - 2**-53) <= high
    assert low <= uniform(low, high).quantile(1 - 2**-53) <= high


@pytest.mark.parametrize("make", [uniform, loguniform])
@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 1), (math.nan, 1), (1, math.nan), (1, math.inf), (-math.inf, 1)])
def test_ends_in_no_order_are_refused(make: Any, low: float, high: float) -> None:
    with pytest.raises(ValueError, match=f"{make.__name__} needs LOW below HIGH"):
        make(low, high)


@pytest.mark.parametrize("low", [0, -1])
def test_a_logarithm_needs_numbers_above_zero(low: float) -> None:
    with pytest.raises(ValueError, match="loguniform needs LOW above 0"):
        loguniform(low, 1)


@pytest.mark.parametrize(("mean", "sd"), [(0, 0), (0, -1), (0, math.nan), (math.nan, 1), (math.inf, 1), (0, math.inf)])
def test_a_normal_distribution_needs_a_mean_and_a_width(mean: float, sd: float) -> None:
    with pytest.raises(ValueError, match="normal needs"):
        normal(mean, sd)


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (uniform(0, 1), "uniform(0, 1)"),
        (loguniform(1e-4, 0.1), "loguniform(0.0001, 0.1)"),
        (normal(0, 1), "normal(0, 1)"),
    ],
)
def test_a_distribution_says_what_it_is(distribution: Distribution, words: str) -> None:
    assert repr(distribution) == words
