"""Points drawn from distributions: Latin hypercube, Sobol sequence, plain random."""

from __future__ import annotations

import math
import random
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from runsemble.errors import ParameterError

#: More points than this are taken for a slip of the pen: they are all made at once.
MAX_POINTS = 10_000_000
_LARGEST_LOG = math.log(sys.float_info.max)
METHODS = ("lhs", "sobol", "random")


class Distribution:
    """How a parameter is distributed.

    Args:
        quantile: Maps a number from 0 to 1 to a value.
        words: How it is written.
    """

    __slots__ = ("quantile", "words")

    def __init__(self, quantile: Callable[[float], float], words: str) -> None:
        self.quantile = quantile
        self.words = words

    def __repr__(self) -> str:
        return self.words


def uniform(low: float, high: float) -> Distribution:
    """Return a distribution in which every value from `low` to `high` is equally likely.

    Raises:
        ValueError: `low` is not below `high`.
    """
    _require_order("uniform", low, high)
    return Distribution(lambda p: min(max(low * (1 - p) + high * p, low), high), f"uniform({low:g}, {high:g})")


def loguniform(low: float, high: float) -> Distribution:
    """Return a distribution in which every logarithm from that of `low` to that of `high` is equally likely.

    Raises:
        ValueError: `low` is not above 0, or not below `high`.
    """
    _require_order("loguniform", low, high)
    if low <= 0:
        raise ValueError("loguniform needs LOW above 0")
    a, b = math.log(low), math.log(high)

    def quantile(p: float) -> float:
        return min(max(math.exp(min(a * (1 - p) + b * p, _LARGEST_LOG)), low), high)

    return Distribution(quantile, f"loguniform({low:g}, {high:g})")


def normal(mean: float, sd: float) -> Distribution:
    """Return a normal distribution.

    Raises:
        ValueError: The standard deviation is not above 0.
    """
    if not (sd > 0 and math.isfinite(sd) and math.isfinite(mean)):
        raise ValueError("normal needs a finite MEAN, and SD, the standard deviation, above 0")
    inverse = statistics.NormalDist(mean, sd).inv_cdf
    return Distribution(lambda p: inverse(min(max(p, 1e-12), 1 - 1e-12)), f"normal({mean:g}, {sd:g})")


def sample(method: str, count: int, seed: int = 0, /, **axes: Distribution) -> list[dict[str, Any]]:
    """Draw parameter sets, the same ones for the same seed.

    Args:
        method: ``lhs`` (Latin hypercube), ``sobol`` (scrambled Sobol sequence; best with a power of 2 as `count`), or
            ``random``. The first two need the extra ``samplers``.
        count: How many.
        seed: Where the generator of random numbers starts.
        axes: The distribution of every parameter.

    Raises:
        ParameterError: Unknown method, count below 1, no distribution, or the library for it is not installed.
    """
    if method not in METHODS:
        raise ParameterError(f"there is no method {method!r} to draw samples; there are {', '.join(METHODS)}")
    if type(count) is not int or count < 1:
        raise ParameterError(f"a sample has at least 1 point, not {count!r}")
    if not axes:
        raise ParameterError("there is nothing to draw: give a parameter such as uniform(0, 1)")
    for name, axis in axes.items():
        if not isinstance(axis, Distribution):
            raise ParameterError(f"{name} must be a distribution such as uniform(0, 1), not {axis!r}")
    if count > MAX_POINTS:
        raise ParameterError(f"a sample has at most {MAX_POINTS:,} points, not {count}")
    if method != "random" and seed < 0:
        raise ParameterError(f"the seed of {method} samples must be at least 0, not {seed}")
    points = _draw(method, count, len(axes), seed)
    return [{name: axis.quantile(p) for (name, axis), p in zip(axes.items(), point, strict=True)} for point in points]


def _draw(method: str, count: int, dimensions: int, seed: int) -> Sequence[Sequence[float]]:
    """Return `count` points of the unit cube."""
    if method == "random":
        generator = random.Random(seed)
        return [[generator.random() for _ in range(dimensions)] for _ in range(count)]
    try:
        from scipy.stats import qmc
    except ImportError:
        raise ParameterError(f"{method} samples need scipy: pip install 'runsemble[samplers]'") from None
    engine = qmc.LatinHypercube(dimensions, rng=seed) if method == "lhs" else qmc.Sobol(dimensions, rng=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a count that is no power of 2: said in our own words
        points: Sequence[Sequence[float]] = engine.random(count).tolist()
    return points


def _require_order(what: str, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{what} needs LOW below HIGH, not {low:g} and {high:g}")
