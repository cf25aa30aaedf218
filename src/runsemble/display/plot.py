"""A picture of a result against a parameter: a PNG where matplotlib is installed, else text."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from runsemble.display.table import clip, columns_of, printable
from runsemble.display.tally import ShownRun, is_number
from runsemble.errors import UsageError

#: What is known of every run, beside its parameters and results.
FACTS = ("wall_s", "user_s", "system_s", "max_rss_bytes")
#: Columns of a picture of text: at most, at least, those beside the points, and those of a label.
_WIDEST, _NARROWEST, _BESIDE, _LABEL = 100, 10, 22, 24


def plot(runs: Iterable[ShownRun], x: str, y: str, directory: str) -> str:
    """Draw `y` against `x` and return what to print: where the picture is, or the picture itself.

    Args:
        runs: The runs; those that lack one of the two numbers are left out, and it is said how many.
        x: A parameter, a key of the results, or one of `FACTS`.
        y: Likewise.
        directory: Where the PNG goes.

    Raises:
        UsageError: No run has both as numbers.
    """
    points = []
    names = dict.fromkeys(FACTS)
    count = 0
    for run in runs:
        count += run.run.status != "skipped"
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
        return _as_text(points, x, y) + ("" if len(points) == count else f"\n({_share(points, count)})")
    matplotlib.use("Agg")
    path = _as_png(points, x, y, directory)
    return f"drawn: {path}" + ("" if len(points) == count else f" ({_share(points, count)})")


def _share(points: Sequence[tuple[float, float]], count: int) -> str:
    return f"{len(points)} of {count} runs: the others lack one of the two numbers"


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
    path = os.path.join(directory, f"{_file_name(y)}-vs-{_file_name(x)}.png")
    try:
        axes.plot(*zip(*points, strict=True), "o", markersize=4, alpha=0.7)
        axes.set_xlabel(_label(x), parse_math=False)
        axes.set_ylabel(_label(y), parse_math=False)
        axes.grid(alpha=0.3)
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise UsageError(f"--plot {x} {y}: {path} cannot be written: {error.strerror}") from None
    except (ValueError, ArithmeticError) as error:
        raise _cannot_draw(x, y, error) from None
    return path


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.=+-]", "_", name, flags=re.ASCII)[:60]


def _label(name: str) -> str:
    return clip(printable(name), _LABEL)


def _as_text(points: Sequence[tuple[float, float]], x: str, y: str) -> str:
    import plotille

    columns = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
    xs, ys = zip(*points, strict=True)
    x_label, y_label = _label(x), _label(y)
    width = max(_NARROWEST, columns - _BESIDE - columns_of(x_label))
    try:
        text: str = plotille.scatter(xs, ys, width=width, height=16, X_label=x_label, Y_label=y_label, origin=False)
    except (ValueError, ArithmeticError) as error:
        raise _cannot_draw(x, y, error) from None
    return "\n".join(line[:columns] for line in text.split("\n"))


def _cannot_draw(x: str, y: str, error: Exception) -> UsageError:
    return UsageError(f"--plot {x} {y}: numbers so large, or so close, cannot be drawn ({error})")
