"""A picture of a result against a parameter: a PNG where matplotlib is installed, else text."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from runsemble.display.tally import ShownRun, is_number
from runsemble.errors import UsageError

#: What is known of every run, beside its parameters and results.
FACTS = ("wall_s", "user_s", "system_s", "max_rss_bytes")


def plot(runs: Iterable[ShownRun], x: str, y: str, directory: str) -> str:
    """Draw `y` against `x` and return what to print: where the picture is, or the picture itself.

    Args:
        runs: The runs; those that lack one of the two numbers are left out.
        x: A parameter, a key of the results, or one of `FACTS`.
        y: Likewise.
        directory: Where the PNG goes.

    Raises:
        UsageError: No run has both as numbers.
    """
    points = []
    names = dict.fromkeys(FACTS)
    for run in runs:
        a, b = _number(run, x), _number(run, y)
        if a is not None and b is not None:
            points.append((a, b))
        names.update(dict.fromkeys((*run.params, *run.results)))
    if not points:
        raise UsageError(_why_nothing(sorted(names), x, y))
    points.sort()
    try:
        import matplotlib
    except ImportError:
        return _as_text(points, x, y)
    matplotlib.use("Agg")
    return "drawn: " + _as_png(points, x, y, directory)


def _number(run: ShownRun, name: str) -> float | None:
    value: Any = run.results.get(name, run.params.get(name))
    if value is None and name in FACTS and run.usage is not None:
        value = getattr(run.usage, name)
    return float(value) if is_number(value) else None


def _why_nothing(names: Sequence[str], x: str, y: str) -> str:
    for name in (x, y):
        if name not in names:
            return f"--plot {x} {y}: there is no parameter or result {name!r}; there are {', '.join(names)}"
    return f"--plot {x} {y}: no run has both as numbers"


def _as_png(points: Sequence[tuple[float, float]], x: str, y: str, directory: str) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points, strict=True), "o", markersize=4, alpha=0.7)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    path = os.path.join(directory, f"{_file_name(y)}-vs-{_file_name(x)}.png")
    figure.savefig(path, dpi=150)
    return path


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.=+-]", "_", name)[:60]


def _as_text(points: Sequence[tuple[float, float]], x: str, y: str) -> str:
    import plotille

    width = min(100, shutil.get_terminal_size((80, 24)).columns)
    xs, ys = zip(*points, strict=True)
    text: str = plotille.scatter(
        xs, ys, width=max(10, width - 20), height=16, X_label=x, Y_label=y, origin=False,
        encoding=sys.stdout.encoding or "utf-8",
    )  # fmt: skip
    return text
