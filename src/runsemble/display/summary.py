"""The end of a study on one screen: what ran, what came out, what failed, where to look."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from runsemble.display.columns import (
    attempts_columns,
    left_out_words,
    memory_column,
    mib_words,
    parameter_columns,
    result_columns,
    time_column,
)
from runsemble.display.hints import find_clusters
from runsemble.display.table import Column, clip, columns_of, printable, text_table, value_words
from runsemble.display.tally import RunView, ShownRun, Tally
from runsemble.display.words import duration_words, nearest_path
from runsemble.model.resources import count_of
from runsemble.model.status import StoredStatus

#: Up to so many runs are listed one by one.
LISTED = 20
#: Failures that are listed of more.
FAILURES = 5
#: Least room in which the parameters of a failed run are worth beginning, in columns.
_ROOM = 12
#: Results of which it is said where they are least and greatest.
_EXTREMES = 2
#: Runs whose parameters are looked through for what failures have in common.
_LOOKED_THROUGH = 10_000
#: Statuses of runs that did not succeed, and how they are worded.
_OTHERS: dict[StoredStatus, str] = {
    "failure": "failed", "aborted": "aborted", "killed": "killed", "skipped": "skipped", "running": "running",
    "pending": "pending",
}  # fmt: skip


def summary_lines(
    runs: Iterable[ShownRun],
    output_path: str,
    wall_s: float | None = None,
    width: int = 80,
    *,
    hides_outputs: bool = False,
) -> list[str]:
    """Return the lines of a summary.

    Args:
        runs: The runs of a study; gone through once, and only some of them kept meanwhile.
        output_path: Its directory.
        wall_s: How long all of it took, None if that is not known.
        width: Columns of the terminal.
        hides_outputs: Whether to say how to see what runs printed.
    """
    tally = new_tally()
    for run in runs:
        tally.add(run)
    return tally_lines(tally, output_path, wall_s, width, hides_outputs=hides_outputs)


def new_tally() -> Tally:
    """Return a tally for `tally_lines`, to which runs are to be added."""
    words = {"time": duration_words, "memory": mib_words, "result": value_words}
    return Tally(kept=LISTED, failures=FAILURES, looked_through=_LOOKED_THROUGH, words=words)


def tally_lines(
    tally: Tally, output_path: str, wall_s: float | None, width: int, *, hides_outputs: bool = False
) -> list[str]:
    """Return the lines of a summary of runs that were added up; see `summary_lines`."""
    is_listed = tally.count <= LISTED
    lines = _listed(tally.first, width) if is_listed else _summed_up(tally, width)
    if hides_outputs:
        lines.append(clip("outputs not shown: --print, or `runsemble post`", width))
    lines += ["", _headline(tally, wall_s) + f"; see {printable(nearest_path(output_path))}/"]
    lines += _failures(tally, width, shows_kinds=not is_listed)
    lines += _unreadable(tally, width)
    clusters = find_clusters(tally.ended)
    if clusters:
        lines.append("Failures cluster:")
        lines += [clip(f"  {printable(str(cluster))}", width) for cluster in clusters]
    return lines


def _headline(tally: Tally, wall_s: float | None) -> str:
    parts = [f"{tally.counts['success']} of {count_of(tally.count, 'run')} succeeded"]
    parts += [f"{tally.counts[status]} {words}" for status, words in _OTHERS.items() if tally.counts[status]]
    return ", ".join(parts) + ("" if wall_s is None else f" in {duration_words(wall_s)}")


def _listed(runs: Sequence[ShownRun], width: int) -> list[str]:
    """Return a table with a line per run."""
    columns = [
        Column("run", [str(one.run.id) for one in runs], is_number=True, is_needed=True),
        *parameter_columns(runs),
        *result_columns(runs),
        Column("status", [_status(one.run) for one in runs], is_needed=True),
        time_column(runs),
        memory_column(runs),
        *attempts_columns(runs),
    ]
    lines, left_out = text_table(columns, width)
    if left_out:
        lines.append(clip(f"({left_out_words(left_out)})", width))
    return lines


def _status(run: RunView) -> str:
    if run.status == "success":
        return "ok"
    return run.status if run.status in ("skipped", "pending", "running") else printable(run.message) or "failed"


def _summed_up(tally: Tally, width: int) -> list[str]:
    """Return a table with least, median and greatest of what many runs used and posted."""
    columns = [
        Column("", is_needed=True),
        Column("least", is_number=True, is_needed=True),
        Column("in run", is_number=True),
        Column("median", is_number=True),
        Column("mean", is_number=True),
        Column("sd", is_number=True),
        Column("greatest", is_number=True, is_needed=True),
        Column("in run", is_number=True),
    ]
    for name, series in (tally.usage | tally.results).items():
        if series.least is not None and series.greatest is not None:
            (least, first), (greatest, last) = series.least, series.greatest
            words = series.words
            middle = [series.median, *((series.mean, series.deviation) if name not in tally.usage else ())]
            row = [printable(name), words(least), str(first.run.id), *map(words, middle)]
            row += [""] * (6 - len(row)) + [words(greatest), str(last.run.id)]
            for column, cell in zip(columns, row, strict=True):
                column.cells.append(cell)
    if not columns[0].cells:
        return []
    columns = [column for column in columns if any(column.cells)]
    return text_table(columns, width)[0] + _left_out(tally, width) + _extremes(tally, width)


def _left_out(tally: Tally, width: int) -> list[str]:
    """Return of which results only some are numbers: figures that leave the others out must not pass for all."""
    some = [(name, len(series)) for name, series in tally.results.items() if 0 < len(series) < tally.given[name]]
    return [clip(f"{printable(name)}: {count} of {tally.given[name]} are numbers", width) for name, count in some]


def _extremes(tally: Tally, width: int) -> list[str]:
    """Return with which parameters the first few results are least and greatest."""
    lines = []
    telling = [(name, series) for name, series in tally.results.items() if series.varies]
    for name, series in telling[:_EXTREMES]:
        for what, found in (("least", series.least), ("greatest", series.greatest)):
            params = _params_words(found[1]) if found is not None else ""
            if found is not None and params:
                lines.append(clip(f"{what} {printable(name)}, {series.words(found[0])}, with {params}", width))
    return ["", *lines] if lines else []


def _params_words(one: ShownRun) -> str:
    return ", ".join(f"{printable(name)}={value_words(value)}" for name, value in one.params.items())


def _failures(tally: Tally, width: int, *, shows_kinds: bool) -> list[str]:
    """Return which runs failed, how, and where to look."""
    lines = []
    if shows_kinds and tally.kinds:
        lines.append(clip(_kinds(tally, width), width))
    for one in tally.failures:
        lines += _failure(one, width)
    further = tally.failed_count - len(tally.failures)
    if further:
        lines.append(f"  and {further} more")
    return lines


def _kinds(tally: Tally, width: int) -> str:
    """Return the most common ways to fail, as many as a line has room for, and how many others there are."""
    words = [f"{printable(text)} ({count}×)" for text, count in tally.kinds.most_common(FAILURES)]
    while True:
        others = len(tally.kinds) - len(words)
        line = "Failed: " + ", ".join([*words, *([f"and {count_of(others, 'other kind')}"] if others else [])])
        if len(words) == 1 or columns_of(line) <= width:
            return line
        words.pop()


def _unreadable(tally: Tally, width: int) -> list[str]:
    """Return whose results cannot be read, and why."""
    lines = [
        clip(f"  run {one.run.id}: its result cannot be read: {printable(one.problem)}", width)
        for one in tally.unreadable
    ]
    further = tally.unreadable_count - len(lines)
    return lines + ([f"  and those of {further} more"] if further else [])


def _failure(one: ShownRun, width: int) -> list[str]:
    params = _params_words(one)
    head = clip(f"  run {one.run.id} failed: {printable(one.run.message)}", width)
    if one.run.attempts > 1:
        longer = f"  run {one.run.id} failed after {one.run.attempts} attempts: {printable(one.run.message)}"
        head = longer if columns_of(longer) <= width else head
    room = width - columns_of(head) - 3
    lines = [head + (f" ({clip(params, room)})" if params and room >= _ROOM else "")]
    if one.run.last_words:
        lines.append(clip(f"    {printable(one.run.last_words.strip())}", width))
    if one.run.trail is not None:
        verb = "nothing in" if _is_left_empty(one.run) else "see"
        lines.append(f"    {verb} {printable(nearest_path(one.run.trail))}")
    return lines


def _is_left_empty(run: RunView) -> bool:
    if run.last_words or run.stderr is None:
        return False
    try:
        return os.path.getsize(run.stderr) == 0
    except (OSError, ValueError):
        return False
