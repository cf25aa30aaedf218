"""The findings of the study, as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from fits import BETA_RANGE, DROP_2, GAMMA_RANGE, Fit, Observed, best_of

#: Shades of the map, each with how far below the best its log-likelihood may be.
SHADES = (("█", DROP_2), ("▓", 6.0), ("▒", 10.0), ("░", 15.0), (" ", float("inf")))
EIGHTHS = " ▏▎▍▌▋▊▉"
MAP_COLUMNS, MAP_ROWS = 40, 14
BAR_COLUMNS = 20


def summary(fits: Sequence[Fit], interval: tuple[float, float], elapsed_s: float) -> str:
    """Return the best fit, the interval of R0 and what they took, a line for each figure."""
    best = best_of(fits)
    lines = [
        ("R0", f"{best.r0:.2f}", f"95 % interval {interval[0]:.2f} to {interval[1]:.2f}"),
        ("beta", f"{best.beta:.2f}", "per day"),
        ("gamma", f"{best.gamma:.3f}", "per day"),
        ("infectious period", f"{1 / best.gamma:.2f}", "days"),
        ("infectious on day 0", f"{best.first:.1f}", "boys"),
        ("peak", f"{best.peak:.0f}", f"boys in bed, on day {best.peak_day:.1f}"),
        ("dispersion", f"{best.phi:.1f}", "times the variance of Poisson counts"),
        ("log-likelihood", f"{best.log_likelihood:.2f}", ""),
        ("runs", f"{len(fits)}", f"in {elapsed_s:.1f} s"),
    ]
    return "\n".join(f"  {name:<20}{value:>8}  {note}".rstrip() for name, value, note in lines)


def charts(coarse: Sequence[Fit], best: Fit, observed: Observed) -> str:
    """Return the likelihood map and, beside it, the counts as bars with the best curve across them."""
    rows = zip(map_rows(coarse, best), day_rows(observed, best), strict=True)
    ends = f"{BETA_RANGE[0]:<{MAP_COLUMNS // 2 - 2}}beta{BETA_RANGE[1]:>{MAP_COLUMNS // 2 - 2}}"
    key = "  ".join(f"{shade} {drop:g}" for shade, drop in SHADES[1:-1])
    return "\n".join(
        [
            f"{'log-likelihood of beta and gamma (per day)':^47}  {'boys in bed':^31}".rstrip(),
            *(f"{left}  {right}".rstrip() for left, right in rows),
            f"       {ends}  {'':11}█ counted   │ model",
            f"       below the best by up to █ {DROP_2:.0f} (95 %)  {key}  ● best",
        ]
    )


def map_rows(coarse: Sequence[Fit], best: Fit) -> list[str]:
    """Return the rows of the map, gamma falling from top to bottom; each cell shows the coarse run nearest to it."""
    at = {(fit.gamma, fit.beta): fit.log_likelihood for fit in coarse}
    gammas, betas = sorted({gamma for gamma, _ in at}, reverse=True), sorted({beta for _, beta in at})
    cells = [
        [_shade(best.log_likelihood - at[gamma, beta]) for beta in stretched(betas, MAP_COLUMNS)]
        for gamma in stretched(gammas, MAP_ROWS)
    ]
    row, column = (
        (MAP_ROWS - 1) * (1 - _part(best.gamma, GAMMA_RANGE)),
        (MAP_COLUMNS - 1) * _part(best.beta, BETA_RANGE),
    )
    cells[round(row)][round(column)] = "●"
    names = {0: f"{GAMMA_RANGE[1]:.2f}", MAP_ROWS // 2: "gamma", MAP_ROWS - 1: f"{GAMMA_RANGE[0]:.2f}"}
    return [f"{names.get(row, ''):>5} ▕{''.join(line)}" for row, line in enumerate(cells)]


def stretched(values: Sequence[float], count: int) -> list[float]:
    """Return `count` of the values, from the first to the last, repeated or left out evenly."""
    return [values[round(at * (len(values) - 1) / (count - 1))] for at in range(count)]


def _shade(drop: float) -> str:
    return next(shade for shade, most in SHADES if drop <= most)


def _part(value: float, span: tuple[float, float]) -> float:
    return min(1.0, max(0.0, (value - span[0]) / (span[1] - span[0])))


def day_rows(observed: Observed, best: Fit) -> list[str]:
    """Return a bar for each day's count, with a mark where the model has it."""
    step = (len(best.curve) - 1) // (len(observed) - 1)
    scale = BAR_COLUMNS / (1.05 * max(best.peak, *(count for _, count in observed)))
    rows = []
    for (day, count), expected in zip(observed, best.curve[::step], strict=True):
        whole, part = divmod(round(count * scale * 8), 8)
        bar = list(("█" * whole + EIGHTHS[part]).ljust(BAR_COLUMNS))
        bar[int(expected * scale)] = "│"
        rows.append(f"{day:%e %b} {count:4} {''.join(bar)}")
    return rows
