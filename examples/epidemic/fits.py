"""What a sweep says: where to look closer, the best fit, an interval for R0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

#: Half the 95 % points of chi-squared with 1 and 2 degrees of freedom: how far below the best a log-likelihood may be.
DROP_1, DROP_2 = 1.921, 2.996
BETA_RANGE, GAMMA_RANGE = (1.2, 2.8), (0.3, 0.7)  #: 1/day, of the coarse grid

Observed = Sequence[tuple[date, int]]  #: boys in bed on each day


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One run: its parameters and what it posted; see model.py."""

    beta: float  #: 1/day
    gamma: float  #: 1/day
    log_likelihood: float
    r0: float
    first: float  #: boys infectious on the first day
    phi: float  #: variance of the counts over their mean
    peak_day: float  #: days after the first count
    peak: float  #: boys in bed
    curve: list[float]  #: boys in bed, evenly spaced from the first day to the last


def spread(low: float, high: float, count: int) -> list[float]:
    """Return `count` evenly spaced values from `low` to `high`."""
    return [low + (high - low) * at / (count - 1) for at in range(count)]


def coarse_grid(count: int) -> list[dict[str, float]]:
    """Return parameters on a grid over beta (`count` values) and gamma (three quarters as many)."""
    gammas = spread(*GAMMA_RANGE, count * 3 // 4)
    return [{"beta": beta, "gamma": gamma} for gamma in gammas for beta in spread(*BETA_RANGE, count)]


def zoomed_grid(fits: Sequence[Fit], drop: float, margin: float, count: int) -> list[dict[str, float]]:
    """Return parameters on a grid over R0 (`count` values) and gamma (three quarters as many) around the best fits.

    Args:
        fits: What is known so far.
        drop: The grid covers the fits whose log-likelihood is at most this much below the best,
        margin: and this fraction more on every side.
        count: Values of R0.
    """
    near = within(fits, drop)
    r0s = spread(min(fit.r0 for fit in near) * (1 - margin), max(fit.r0 for fit in near) * (1 + margin), count)
    lowest, highest = min(fit.gamma for fit in near) * (1 - margin), max(fit.gamma for fit in near) * (1 + margin)
    return [{"beta": r0 * gamma, "gamma": gamma} for gamma in spread(lowest, highest, count * 3 // 4) for r0 in r0s]


def best_of(fits: Iterable[Fit]) -> Fit:
    """Return the most likely of `fits`."""
    return max(fits, key=lambda fit: fit.log_likelihood)


def within(fits: Sequence[Fit], drop: float) -> list[Fit]:
    """Return the fits whose log-likelihood is at most `drop` below the best."""
    least = best_of(fits).log_likelihood - drop
    return [fit for fit in fits if fit.log_likelihood >= least]


def r0_interval(fine: Sequence[Fit]) -> tuple[float, float]:
    """Return the 95 % likelihood-ratio interval of R0: where its profile is within `DROP_1` of the top.

    The profile at an R0 is the greatest log-likelihood over gamma, between grid points by a parabola; between two
    values of R0 the profile is taken for a straight line. An end outside the grid is given as the grid's edge.
    """
    columns: dict[float, list[Fit]] = {}
    for fit in fine:
        columns.setdefault(round(fit.r0, 9), []).append(fit)
    profile = [(r0, _top([fit.log_likelihood for fit in columns[r0]])) for r0 in sorted(columns)]
    least = max(value for _, value in profile) - DROP_1
    return _crossing(profile, least), _crossing(profile[::-1], least)


def _top(values: Sequence[float]) -> float:
    """Return the maximum of evenly spaced values, by the parabola through the greatest and its neighbours."""
    at = max(range(len(values)), key=values.__getitem__)
    if at in (0, len(values) - 1):
        return values[at]
    before, middle, after = values[at - 1 : at + 2]
    bend = 2 * middle - before - after
    return middle + (after - before) ** 2 / (8 * bend) if bend > 0 else middle


def _crossing(profile: Sequence[tuple[float, float]], level: float) -> float:
    """Return where the profile first rises to `level`."""
    last_r0, last = profile[0]
    for r0, value in profile:
        if value >= level:
            return r0 if value == last else last_r0 + (r0 - last_r0) * (level - last) / (value - last)
        last_r0, last = r0, value
    return last_r0
