"""One run: how well an SIR epidemic with a given beta and gamma explains the boys seen in bed.

Susceptible, infectious and recovered boys, mixing evenly in a school of N (Kermack and McKendrick, 1927):

    dS/dt = -beta S I / N        beta: infections that one boy causes in a day while all others are susceptible, 1/day
    dI/dt =  beta S I / N - gamma I                                  gamma: rate of recovery, 1/day
    dR/dt =  gamma I                                                 R0 = beta / gamma

The boys in bed on a day are taken for I at that time. Counts follow a negative binomial distribution whose variance is
phi times its mean: they scatter some four times as much as a Poisson law (phi = 1) allows, under which the interval of
R0 would come out half as wide. Neither phi nor the number infectious on the first day is known, so every run takes
those that suit its beta and gamma best: what it posts is the profile likelihood.

Source: observed.csv holds an outbreak at a boarding school in the north of England, shown in a figure of "Influenza in
a boarding school", BMJ 1978;1:587, as read off by de Vries et al., A Course in Mathematical Biology, SIAM 2006.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence

from runsemble import get_run_params, post_run_results

BOYS = 763  #: all of them susceptible at first
STEPS_PER_DAY = 10
State = tuple[float, float, float]  #: boys susceptible, infectious, recovered


def slope(state: State, beta: float, gamma: float) -> State:
    """Return dS/dt, dI/dt and dR/dt in boys per day."""
    infections = beta * state[0] * state[1] / BOYS
    recoveries = gamma * state[1]
    return -infections, infections - recoveries, recoveries


def simulate(beta: float, gamma: float, first: float, days: int) -> list[State]:
    """Integrate by the classical Runge-Kutta method, in steps of 1/10 day.

    Args:
        beta: Transmission rate, 1/day.
        gamma: Recovery rate, 1/day.
        first: Boys infectious at time 0.
        days: Length, days.
    """
    h = 1 / STEPS_PER_DAY
    states = [(BOYS - first, first, 0.0)]
    for _ in range(days * STEPS_PER_DAY):
        y = states[-1]
        k1 = slope(y, beta, gamma)
        k2 = slope(moved(y, k1, h / 2), beta, gamma)
        k3 = slope(moved(y, k2, h / 2), beta, gamma)
        k4 = slope(moved(y, k3, h), beta, gamma)
        mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
        states.append(moved(y, mean, h))
    return states


def moved(state: Sequence[float], rate: Sequence[float], h: float) -> State:
    """Return the state after `h` days at a constant rate."""
    return state[0] + h * rate[0], state[1] + h * rate[1], state[2] + h * rate[2]


def log_likelihood(observed: Sequence[int], expected: Sequence[float], phi: float) -> float:
    """Return the log-probability of the counts, negative binomial with variance `phi` (> 1) times the mean."""
    total = 0.0
    for count, mean in zip(observed, expected, strict=True):
        size = mean / (phi - 1)
        total += math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
        total += count * math.log1p(-1 / phi) - size * math.log(phi)
    return total


def maximum(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Return the x from `low` > 0 to `high` where function(x) is greatest, and its value: golden section in log x."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = math.log(low), math.log(high)
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    fc, fd = function(math.exp(c)), function(math.exp(d))
    while b - a > 1e-4:
        if fc > fd:
            b, d, fd = d, c, fc
            c = b - ratio * (b - a)
            fc = function(math.exp(c))
        else:
            a, c, fc = c, d, fd
            d = a + ratio * (b - a)
            fd = function(math.exp(d))
    return (math.exp(c), fc) if fc > fd else (math.exp(d), fd)


def fit(beta: float, gamma: float, observed: Sequence[int]) -> dict[str, object]:
    """Return the best log-likelihood at this beta and gamma (both 1/day), and the epidemic that has it."""

    def infectious(first: float) -> list[float]:
        return [state[1] for state in simulate(beta, gamma, first, len(observed) - 1)]

    def best_phi(curve: Sequence[float]) -> tuple[float, float]:
        return maximum(lambda phi: log_likelihood(observed, curve[::STEPS_PER_DAY], phi), 1.001, 1e4)

    first, value = maximum(lambda first: best_phi(infectious(first))[1], 0.01, 100)
    curve = infectious(first)
    peak = max(curve)
    return {
        "log_likelihood": value,
        "r0": beta / gamma,
        "first": first,  # boys infectious on the first day
        "phi": best_phi(curve)[0],  # variance of the counts over their mean
        "peak_day": curve.index(peak) / STEPS_PER_DAY,  # days after the first count
        "peak": peak,  # boys in bed at that time
        "curve": [round(boys, 2) for boys in curve],  # boys in bed, STEPS_PER_DAY values a day
    }


if __name__ == "__main__":
    with open("observed.csv", newline="") as file:
        counts = [int(row["in_bed"]) for row in csv.DictReader(file)]
    params = get_run_params()
    post_run_results(fit(params["beta"], params["gamma"], counts))
