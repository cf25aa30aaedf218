"""Wording of progress: counts, durations, failures."""

from __future__ import annotations

import math
import os
import time
from typing import NamedTuple

from runsemble.model.stats import RunStatistics
from runsemble.sched.pool import PoolUsage

#: Terminals narrower than this get numbers only; then, no times; from the last on, everything.
_TINY, _NARROW, _WIDE = 24, 60, 120
#: Unit, its seconds, and up to how many of it are worded in it.
_UNITS = (("s", 1, 100), ("min", 60, 100), ("h", 3600, 72), ("d", 86400, math.inf))

#: Longest part of a run's last words that is shown.
_WORDS_MAX = 100


class Progress(NamedTuple):
    """What there is to show at one moment."""

    stats: RunStatistics
    total: int | None  #: how many runs there will be, None if unknown
    elapsed_s: float
    left_s: tuple[float, float] | None = None  #: between how many and how many seconds it will take yet
    use: PoolUsage | None = None
    shows_clock: bool = False  #: whether to say at what time it will be over


def counts_words(stats: RunStatistics) -> list[str]:
    """Word what is worth knowing beside the number of finished runs: "2 running", "1 failed"."""
    parts = [f"{stats.running_count} running"] if stats.complete_count < stats.total_count else []
    if stats.failure_count:
        parts.append(f"{stats.failure_count} failed")
    if stats.skipped_count:
        parts.append(f"{stats.skipped_count} skipped")
    return parts


def duration_words(seconds: float) -> str:
    """Word a duration with two units at most: "7 ms", "1.5 s", "42 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def range_words(low_s: float, high_s: float) -> str:
    """Word a range of durations in one unit: "3-5 min", "8 s", "1.5-2.5 h"."""
    unit, size = next((unit, size) for unit, size, most in _UNITS if high_s <= most * size)
    digits = 1 if high_s / size < 10 and unit != "s" else 0
    scale = 10**digits
    low, high = math.floor(low_s / size * scale) / scale, math.ceil(high_s / size * scale) / scale
    first, last = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return f"{last} {unit}" if first == last or high <= 1 / scale else f"{first}-{last} {unit}"


def clock_words(low_s: float, high_s: float, now_s: float) -> str:
    """Word between which times something will be over: "ends 14:32-14:40"; with the date if that is not today."""
    form = "%H:%M:%S" if high_s < 600 else "%H:%M"
    if time.localtime(now_s)[:3] != time.localtime(now_s + high_s)[:3]:
        form = "%b %d %H:%M"
    first, last = (time.strftime(form, time.localtime(now_s + seconds)) for seconds in (low_s, high_s))
    return f"ends {last}" if first == last else f"ends {first}-{last}"


def use_words(use: PoolUsage | None) -> list[str]:
    """Word how much is in use: "2/2 cores", "1/4 GPUs"."""
    if use is None:
        return []
    parts = [f"{use.cores}/{use.total_cores} cores"] if use.counts_cores else []
    return parts + ([f"{use.gpus}/{use.total_gpus} GPUs"] if use.total_gpus else [])


def progress_line(progress: Progress) -> str:
    """Word the progress on one plain line: "40/100 runs done, 2 running, 1 failed, 3.3 runs/s, 18-20 s left"."""
    stats = progress.stats
    done = stats.ended_count
    total = progress.total
    of = f"{done}/{total}" if total is not None else f"{done} of at least {stats.total_count}"
    parts = [f"{of} runs done", *counts_words(stats), *use_words(progress.use)]
    if done and progress.elapsed_s > 0:
        parts.append(f"{done / progress.elapsed_s:.3g} runs/s")
    if progress.left_s is not None and done < (total or 0):
        parts.append(f"{range_words(*progress.left_s)} left")
        if progress.shows_clock:
            parts.append(clock_words(*progress.left_s, time.time()))
    return ", ".join(parts)


def bar_format(progress: Progress, columns: int) -> str:
    """Return the format of tqdm's that makes a bar which suits a terminal.

    The narrower, the less: below 24 columns numbers only, below 60 no times but what is left, from 120 on everything.
    """
    stats, has_total = progress.stats, progress.total is not None
    count = "{n_fmt}/{total_fmt}" if has_total else "{n_fmt} runs"
    failed = [f"{stats.failure_count} failed"] if stats.failure_count else []
    if columns < _TINY:
        return " ".join([count, *failed])
    head = ("{percentage:3.0f}%|{bar}| " if has_total else "") + count
    left = [] if progress.left_s is None else [range_words(*progress.left_s)]
    if columns < _NARROW:
        return " ".join([head, *failed, *left])
    parts = ["{elapsed}" + "".join(f"<{words}" for words in left)]
    if progress.shows_clock and progress.left_s is not None:
        parts.append(clock_words(*progress.left_s, time.time()))
    if columns >= _WIDE:
        parts.append("{rate_fmt}")
    in_use = use_words(progress.use)
    says_cores = progress.use is not None and progress.use.counts_cores
    parts += [
        words for words in counts_words(stats) if columns >= _WIDE or not (says_cores and "running" in words)
    ] + in_use
    return f"{head} [{', '.join(parts)}]"


def failure_line(run: int, message: str, last_words: str | None, path: str) -> str:
    """Word a failure on one line: which run, why, its last words, where to look."""
    parts = [f"run {run} failed: {message}"]
    if last_words:
        clean = "".join(c if c.isprintable() else "?" for c in last_words.strip())
        parts.append(clean if len(clean) <= _WORDS_MAX else clean[: _WORDS_MAX - 1] + "…")
    parts.append(f"see {nearest_path(path)}")
    return " — ".join(parts)


def nearest_path(path: str) -> str:
    """Return `path` as seen from the current directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return relative if len(relative) < len(path) else path
