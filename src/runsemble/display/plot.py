"""A picture of a result against a parameter: a PNG where matplotlib is installed, else text."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runsemble.display.table import clip, columns_of, printable, value_words
from runsemble.display.tally import ShownRun, is_number
from runsemble.errors import UsageError

#: What is known of every run, beside its parameters and results.
FACTS = ("wall_s", "user_s", "system_s", "max_rss_bytes")
#: Columns of a picture of text: at most, at least, those beside the points, and those of a label.
_WIDEST, _NARROWEST, _BESIDE, _LABEL = 100, 10, 22, 24
#: How the points of each series are drawn in a picture of text, and by matplotlib.
_SIGNS, _MARKERS = "ox+*#%@&", "os^Dv<>P"
#: Of more points than this, no series are told apart.
_MOST_POINTS = 100_000

Point = tuple[float, float]


def plot(runs: Iterable[ShownRun], x: str, y: str, directory: str) -> str:
    """Draw `y` against `x` and return what to print: where the picture is, or the picture itself.

    If exactly one other parameter varies, and has a few values, each of them is a series in the legend.

    Args:
        runs: The runs; those that lack one of the two numbers are left out, and it is said how many.
        x: A parameter, a key of the results, or one of `FACTS`.
        y: Likewise.
        directory: Where the PNG goes.

    Raises:
        UsageError: No run has both as numbers.
    """
    points: list[Point] = []
    params: list[Mapping[str, Any]] = []
    names = dict.fromkeys(FACTS)
    count = 0
    for run in runs:
        count += run.run.status != "skipped"
        a, b = _number(run, x), _number(run, y)
        if a is not None and b is not None:
            points.append((a, b))
            if len(points) <= _MOST_POINTS:
                params.append(run.params)
        names.update(dict.fromkeys((*run.params, *run.results)))
    if not points:
        raise UsageError(_why_nothing(sorted(names), x, y))
    series = _series(points, params, (x, y))
    try:
        import matplotlib
    except ImportError:
        return _as_text(series, x, y) + ("" if len(points) == count else f"\n({_share(points, count)})")
    matplotlib.use("Agg")
    path = _as_png(series, x, y, directory)
    return f"drawn: {path}" + ("" if len(points) == count else f" ({_share(points, count)})")


def _series(
    points: Sequence[Point], params: Sequence[Mapping[str, Any]], drawn: tuple[str, str]
) -> dict[str, list[Point]]:
    """Return the points by the value, in words, of the one other parameter that varies; all of them if there is none.

    Args:
        points: What is drawn.
        params: The parameters of each point, or of the first if there are too many.
        drawn: The names on the axes.
    """
    names = dict.fromkeys(name for one in params for name in one if name not in drawn)
    varying = [name for name in names if len({_setting(one, name) for one in params}) > 1]
    if len(varying) != 1 or len(params) < len(points):
        return {"": sorted(points)}
    (name,) = varying
    values: dict[str, Any] = {_setting(one, name): one.get(name) for one in params}
    if len(values) > len(_SIGNS):
        return {"": sorted(points)}
    if all(map(is_number, values.values())):
        values = dict(sorted(values.items(), key=lambda item: item[1]))
    found: dict[str, list[Point]] = {words: [] for words in values}
    for point, one in zip(points, params, strict=True):
        found[_setting(one, name)].append(point)
    return {words: sorted(group) for words, group in found.items()}


def _setting(params: Mapping[str, Any], name: str) -> str:
    """Word a parameter of a run: "k=2", "no k"."""
    return f"{printable(name)}={value_words(params[name])}" if name in params else f"no {printable(name)}"


def _share(points: Sequence[Point], count: int) -> str:
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


def _as_png(series: Mapping[str, Sequence[Point]], x: str, y: str, directory: str) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    path = os.path.join(directory, f"{_file_name(y)}-vs-{_file_name(x)}.png")
    try:
        for at, points in enumerate(series.values()):
            axes.plot(*zip(*points, strict=True), _MARKERS[at], linestyle="", markersize=4, alpha=0.7, label=str(at))
        if len(series) > 1:
            for text, words in zip(axes.legend().get_texts(), series, strict=True):
                text.set_parse_math(False)
                text.set_text(clip(words, _LABEL))
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


def _as_text(series: Mapping[str, Sequence[Point]], x: str, y: str) -> str:
    from plotille import Figure

    columns = min(_WIDEST, shutil.get_terminal_size((80, 24)).columns)
    figure = Figure()
    figure.x_label, figure.y_label = _label(x), _label(y)
    figure.width, figure.height = max(_NARROWEST, columns - _BESIDE - columns_of(figure.x_label)), 16
    figure.linesep, figure.origin, figure.with_colors = "\n", False, False
    for sign, points in zip(_SIGNS, series.values(), strict=False):
        xs, ys = zip(*points, strict=True)
        figure.scatter(xs, ys, marker=sign if len(series) > 1 else None)
    try:
        text: str = figure.show()
    except (ValueError, ArithmeticError) as error:
        raise _cannot_draw(x, y, error) from None
    lines = [line[:columns] for line in text.split("\n")]
    return "\n".join(lines + (_legend(series, columns) if len(series) > 1 else []))


def _legend(series: Iterable[str], columns: int) -> list[str]:
    """Return which sign is which, in lines no wider than a terminal."""
    lines: list[str] = []
    for sign, words in zip(_SIGNS, series, strict=False):
        entry = f"{sign} {clip(words, _LABEL)}"
        if lines and columns_of(f"{lines[-1]}   {entry}") <= columns:
            lines[-1] += f"   {entry}"
        else:
            lines.append(entry)
    return lines


def _cannot_draw(x: str, y: str, error: Exception) -> UsageError:
    return UsageError(f"--plot {x} {y}: numbers so large, or so close, cannot be drawn ({error})")
