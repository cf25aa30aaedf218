"""The end of a study on one screen: what ran, what came out, what failed, where to look."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from runsemble.display.hints import find_clusters
from runsemble.display.table import Column, clip, columns_of, printable, text_table
from runsemble.display.words import duration_words, nearest_path
from runsemble.model.resources import count_of
from runsemble.model.result import Usage
from runsemble.model.status import RunStatus

#: Up to so many runs are listed one by one.
LISTED = 20
#: Failures that are listed of more.
FAILURES = 5
#: Keys of results that are summed up.
_MAX_KEYS = 12
#: Least room in which the parameters of a failed run are worth beginning, in columns.
_ROOM = 12
#: A number that is no longer than this is shown as it is, others with six digits.
_SHORT = 8
#: Results of which it is said where they are least and greatest.
_EXTREMES = 2
#: Runs whose parameters are looked through for what failures have in common.
_LOOKED_THROUGH = 20_000


class RunView(Protocol):
    """A run, as far as it is shown."""

    @property
    def id(self) -> int:
        """Position in its study."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""

    @property
    def status(self) -> RunStatus:
        """Where it stands."""

    @property
    def message(self) -> str:
        """How it ended."""

    @property
    def usage(self) -> Usage | None:
        """What it used."""

    @property
    def last_words(self) -> str | None:
        """The last line of stderr, if it failed."""

    @property
    def stderr(self) -> str | None:
        """Path of its standard error."""

    @property
    def run_dir(self) -> str:
        """Path of its directory."""


class ShownRun:
    """What a summary needs of one run, read once."""

    __slots__ = ("params", "results", "run", "usage")

    def __init__(self, run: RunView, result: Any) -> None:
        self.run = run
        self.params = run.params
        self.usage = run.usage
        self.results: dict[str, Any] = {}  #: by name
        if isinstance(result, dict):
            self.results = {str(name): value for name, value in result.items()}
        elif result is not None:
            self.results = {"result": result}


def summary_lines(
    runs: Sequence[ShownRun], output_path: str, wall_s: float | None = None, width: int = 80
) -> list[str]:
    """Return the lines of a summary.

    Args:
        runs: The runs of a study.
        output_path: Its directory.
        wall_s: How long all of it took, None if that is not known.
        width: Columns of the terminal.
    """
    lines: list[str] = []
    if len(runs) <= LISTED:
        lines += _listed(runs, width)
    else:
        lines += _summed_up(runs, width)
    lines += ["", _headline(runs, wall_s) + f"; see {nearest_path(output_path)}/"]
    lines += _failures(runs, width)
    looked = runs[:: max(1, len(runs) // _LOOKED_THROUGH)]
    ended = [(one.params, one.run.status == "failure") for one in looked if one.run.status in ("success", "failure")]
    clusters = find_clusters(ended)
    if clusters:
        lines.append("Failures cluster:")
        lines += [clip(f"  {printable(str(cluster))}", width) for cluster in clusters]
    return lines


def _headline(runs: Sequence[ShownRun], wall_s: float | None) -> str:
    counts = Counter(one.run.status for one in runs)
    parts = [f"{counts['success']} of {count_of(len(runs), 'run')} succeeded"]
    if counts["failure"]:
        parts.append(f"{counts['failure']} failed")
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} skipped")
    return ", ".join(parts) + ("" if wall_s is None else f" in {duration_words(wall_s)}")


def _listed(runs: Sequence[ShownRun], width: int) -> list[str]:
    """Return a table with a line per run."""
    names = list(dict.fromkeys(name for one in runs for name in one.params))
    keys = list(dict.fromkeys(name for one in runs for name in one.results))
    columns = [Column("run", [str(one.run.id) for one in runs], is_number=True, is_needed=True)]
    columns += [_values(name, [one.params.get(name, "") for one in runs]) for name in names]
    columns += [_values(key, [one.results.get(key, "") for one in runs]) for key in keys]
    tail = [
        Column("status", [_status(one.run) for one in runs], is_needed=True),
        Column("time", [duration_words(one.usage.wall_s) if one.usage else "" for one in runs], is_number=True),
        Column("memory", [_memory(one.usage) for one in runs], is_number=True),
    ]
    lines, left_out = text_table([*columns, *tail], width)
    if left_out:
        lines.append(clip(f"(no room for {', '.join(left_out)})", width))
    return lines


def _values(name: str, values: Sequence[Any]) -> Column:
    is_number = all(value == "" or _is_number(value) for value in values)
    return Column(printable(name), [value_words(value) for value in values], is_number=is_number, most=24)


def value_words(value: Any) -> str:
    """Word a parameter or a result for a table."""
    if isinstance(value, float):
        return repr(value) if len(repr(value)) <= _SHORT else f"{value:.6g}"
    return printable(value if isinstance(value, str) else repr(value) if not isinstance(value, int) else str(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _status(run: RunView) -> str:
    if run.status == "success":
        return "ok"
    return run.status if run.status in ("skipped", "pending", "running") else printable(run.message) or "failed"


def _memory(usage: Usage | None) -> str:
    if usage is None:
        return ""
    sign = "≤" if usage.is_rss_bounded else ""
    return f"{sign}{usage.max_rss_bytes / 2**20:.0f} MiB"


def _summed_up(runs: Sequence[ShownRun], width: int) -> list[str]:
    """Return a table with least, median and greatest of what many runs used and posted."""
    series: list[tuple[str, list[tuple[float, int]], Any]] = [
        ("time", [(one.usage.wall_s, one.run.id) for one in runs if one.usage], duration_words),
        (
            "memory",
            [(one.usage.max_rss_bytes / 2**20, one.run.id) for one in runs if one.usage],
            lambda v: f"{v:.0f} MiB",
        ),
    ]
    keys = list(dict.fromkeys(name for one in runs for name in one.results))[:_MAX_KEYS]
    for key in keys:
        values = [(one.results[key], one.run.id) for one in runs if _is_number(one.results.get(key))]
        series.append((printable(key), [pair for pair in values if math.isfinite(pair[0])], value_words))
    series = [item for item in series if item[1]]
    if not series:
        return []
    columns = [
        Column("", [name for name, _, _ in series], is_needed=True),
        Column("least", [words(min(pairs)[0]) for _, pairs, words in series], is_number=True, is_needed=True),
        Column("in run", [str(min(pairs)[1]) for _, pairs, _ in series], is_number=True),
        Column("median", [words(statistics.median(v for v, _ in pairs)) for _, pairs, words in series], is_number=True),
        Column("greatest", [words(max(pairs)[0]) for _, pairs, words in series], is_number=True, is_needed=True),
        Column("in run", [str(max(pairs)[1]) for _, pairs, _ in series], is_number=True),
    ]
    return text_table(columns, width)[0] + _extremes(runs, series[2:], width)


def _extremes(runs: Sequence[ShownRun], series: Sequence[Any], width: int) -> list[str]:
    """Return with which parameters the first few results are least and greatest."""
    by_id = {one.run.id: one for one in runs}
    lines = []
    for name, pairs, words in series[:_EXTREMES]:
        for what, (value, run) in (("least", min(pairs)), ("greatest", max(pairs))):
            params = _params_words(by_id[run])
            if params:
                lines.append(clip(f"{what} {name}, {words(value)}, with {params}", width))
    return ["", *lines] if lines else []


def _params_words(one: ShownRun) -> str:
    return ", ".join(f"{printable(name)}={value_words(value)}" for name, value in one.params.items())


def _failures(runs: Sequence[ShownRun], width: int) -> list[str]:
    """Return which runs failed, how, and where to look."""
    failed = [one for one in runs if one.run.status == "failure"]
    if not failed:
        return []
    lines = []
    if len(runs) > LISTED:
        kinds = Counter(printable(one.run.message) for one in failed)
        shown = ", ".join(f"{message} ({count}×)" for message, count in kinds.most_common(FAILURES))
        lines.append(clip(f"Failed: {shown}", width))
    for one in failed[:FAILURES]:
        lines += _failure(one, width)
    if len(failed) > FAILURES:
        lines.append(f"  and {len(failed) - FAILURES} more")
    return lines


def _failure(one: ShownRun, width: int) -> list[str]:
    params = _params_words(one)
    head = f"  run {one.run.id} failed: {printable(one.run.message)}"
    room = width - columns_of(head) - 3
    lines = [head + (f" ({clip(params, room)})" if params and room >= _ROOM else "")]
    if one.run.last_words:
        lines.append(clip(f"    {printable(one.run.last_words.strip())}", width))
    lines.append(f"    see {nearest_path(one.run.stderr or one.run.run_dir)}")
    return lines
