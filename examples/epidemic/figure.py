"""The findings of the study, as a picture: the likelihood map, and the data with the best curve."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from fits import BETA_RANGE, DROP_2, GAMMA_RANGE, Fit, Observed, best_of, within
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import Triangulation, UniformTriRefiner

INK, ACCENT, MUTED = "#1f2430", "#c8553d", "#6b7280"
DEEPEST = 16  #: log-likelihoods further below the best than this share the darkest colour
STYLE: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titlepad": 9,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


def draw(
    path: str | os.PathLike[str], sweeps: Sequence[Sequence[Fit]], interval: tuple[float, float], observed: Observed
) -> None:
    """Write the picture of a study to `path`, as a PNG 1800 pixels wide.

    Args:
        path: File to write.
        sweeps: The runs of the coarse grid, of the fine one, and of any further ones.
        interval: 95 % interval of R0.
        observed: Boys in bed on each day.
    """
    fits = [fit for sweep in sweeps for fit in sweep]
    with rc_context(STYLE):
        picture = Figure(figsize=(9, 4), dpi=200, layout="constrained")
        left, right = picture.subplots(1, 2, width_ratios=(1.2, 1))
        draw_map(left, sweeps[0], sweeps[1], best_of(fits))
        left.set_title(f"Log-likelihood, from {len(fits)} runs")
        draw_outbreak(right, fits, interval, observed)
        picture.savefig(path)


def draw_map(axes: Axes, coarse: Sequence[Fit], fine: Sequence[Fit], best: Fit) -> None:
    """Draw how likely each pair of rates is, with the 95 % region around the best."""
    levels = range(-DEEPEST, 1)
    for grid in (coarse, fine):
        mesh, heights = surface(grid, best)
        bands = axes.tricontourf(mesh, heights, levels=levels, cmap="viridis", extend="min")
    axes.tricontour(mesh, heights, levels=[-DROP_2], colors=INK, linestyles="solid", linewidths=1.5)
    draw_r0_lines(axes)
    axes.plot(best.beta, best.gamma, "o", color="white", markeredgecolor=INK, markersize=6)
    label(axes, "best", (best.beta, best.gamma), (7, 0))
    top = max(within(fine, DROP_2), key=lambda fit: fit.gamma)
    label(axes, "95 % region", (top.beta, top.gamma), (0, 8))
    bar = axes.figure.colorbar(bands, ax=axes, ticks=levels[::4], pad=0.02, aspect=28)
    bar.set_label("difference from the best")
    bar.outline.set_visible(False)
    axes.set(xlim=BETA_RANGE, ylim=GAMMA_RANGE)
    axes.set(xlabel="transmission rate β (per day)", ylabel="recovery rate γ (per day)")


def surface(fits: Sequence[Fit], best: Fit) -> tuple[Triangulation, Any]:
    """Return the log-likelihood's difference from the best, smooth between the runs, on a mesh over beta and gamma."""
    mesh = Triangulation([fit.beta for fit in fits], [fit.gamma for fit in fits])
    drops = [fit.log_likelihood - best.log_likelihood for fit in fits]
    refined, heights = UniformTriRefiner(mesh).refine_field(drops, subdiv=2)
    return refined, heights.clip(max=0)  # the smooth surface may rise a hair above the best run


def draw_r0_lines(axes: Axes) -> None:
    """Draw the lines along which R0 = beta / gamma is a whole number."""
    for r0 in range(3, 7):
        axes.axline((0, 0), slope=1 / r0, color="white", linewidth=0.8, alpha=0.8)
        gamma = min(GAMMA_RANGE[1] - 0.02, (BETA_RANGE[1] - 0.04) / r0)
        style = {"rotation": math.degrees(math.atan(1 / r0)), "rotation_mode": "anchor", "transform_rotates_text": True}
        label(axes, f"$R_0={r0}$", (r0 * gamma, gamma), (0, 2), color="white", ha="right", va="bottom", **style)


def draw_outbreak(axes: Axes, fits: Sequence[Fit], interval: tuple[float, float], observed: Observed) -> None:
    """Draw the counts, the best curve, and the span of all curves in the 95 % region."""
    best = best_of(fits)
    per_day = (len(best.curve) - 1) // (len(observed) - 1)
    days = [at / per_day for at in range(len(best.curve))]
    curves = list(zip(*(fit.curve for fit in within(fits, DROP_2)), strict=True))
    lowest, highest = [*map(min, curves)], [*map(max, curves)]
    axes.fill_between(days, lowest, highest, color=ACCENT, alpha=0.2, linewidth=0)
    axes.plot(days, best.curve, color=ACCENT, linewidth=2)
    axes.plot([count for _, count in observed], "o", color=INK, markersize=5, clip_on=False)
    label(axes, "95 % region", (5.5, highest[int(5.5 * per_day)]), (8, 2), color=ACCENT)
    label(axes, "best run", (8, best.curve[8 * per_day]), (-14, -8), color=ACCENT, ha="right")
    label(axes, "counted", (8, observed[8][1]), (8, 0))
    facts = f"$R_0$ = {best.r0:.2f}\n95 %: {interval[0]:.2f} to {interval[1]:.2f}\n1/γ = {1 / best.gamma:.2f} days"
    axes.text(0.6, 0.82, facts, transform=axes.transAxes, va="top", linespacing=1.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xticks(range(0, len(observed), 3), [f"{day.day} {day:%b}" for day, _ in observed[::3]])
    axes.set(ylim=(0, None), title="Boys in bed, of 763", xlabel="1978")


def label(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Write `text` beside a place, `offset` points away."""
    axes.annotate(text, at, offset, textcoords="offset points", **{"va": "center", **style})
