"""Wording of progress: counts, durations, failures."""

from __future__ import annotations

import math
import os
import time
from typing import NamedTuple

from runsemble.display.table import clip, printable
from runsemble.model.resources import count_of
from runsemble.model.stats import RunStatistics
from runsemble.sched.pool import PoolUsage

#: From so many columns on a bar says how fast it goes.
_WIDE = 120
#: Columns of the bar itself, below which it is left out.
_LEAST_BAR = 5
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
    done_before: int = 0  #: runs that had ended before the time that has passed began


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
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def rate_words(done: int, elapsed_s: float) -> str:
    """Word how fast it goes: "3.3 runs/s", "1250 runs/s", or "42 s per run"; empty before there is anything to say."""
    if not done or elapsed_s <= 0:
        return ""
    rate = done / elapsed_s
    if rate < 0.2:
        return f"{duration_words(1 / rate)} per run"
    return f"{rate:.0f} runs/s" if rate >= 100 else f"{rate:.3g} runs/s"


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


def end_line(stats: RunStatistics, wall_s: float | None) -> str:
    """Word the end on one plain line: "9/9 runs in 1.2 s: 8 succeeded, 1 failed, 0 skipped"."""
    time_taken = "" if wall_s is None else f" in {duration_words(wall_s)}"
    return (
        f"{stats.ended_count}/{stats.total_count} runs{time_taken}: "
        f"{stats.success_count} succeeded, {stats.failure_count} failed, {stats.skipped_count} skipped"
    )


def progress_line(progress: Progress) -> str:
    """Word the progress on one plain line: "40/100 runs done, 2 running, 1 failed, 3.3 runs/s, 18-20 s left"."""
    stats = progress.stats
    done = stats.ended_count
    total = progress.total
    of = f"{done}/{total}" if total is not None else f"{done} of at least {stats.total_count}"
    parts = [f"{of} runs done", *counts_words(stats), *use_words(progress.use)]
    if rate := rate_words(done - progress.done_before, progress.elapsed_s):
        parts.append(rate)
    if progress.left_s is not None and done < (total or 0):
        parts.append(f"{range_words(*progress.left_s)} left")
        if progress.shows_clock:
            parts.append(clock_words(*progress.left_s, time.time()))
    return ", ".join(parts)


def bar_format(progress: Progress, columns: int) -> str:
    """Return the format of tqdm's that makes a bar which suits a terminal; all of it but ``{bar}`` is text already.

    What there is no room for is left out, what matters least first: the rate, cores and GPUs, the time that has passed,
    the bar itself, the time that is left, and last of all how many have failed.
    """
    stats = progress.stats
    done = stats.ended_count
    total = progress.total
    count = f"{done}/{total}" if total is not None else count_of(done, "run")
    share = f"{100 * done / total:3.0f}%" if total else ""
    left = [] if progress.left_s is None else [range_words(*progress.left_s)]
    clock = [clock_words(*progress.left_s, time.time())] if progress.shows_clock and progress.left_s is not None else []
    says_cores = progress.use is not None and progress.use.counts_cores
    is_wide = columns >= _WIDE
    running = [words for words in counts_words(stats) if "running" in words and (is_wide or not says_cores)]
    others = [words for words in counts_words(stats) if "running" not in words]
    used = use_words(progress.use)
    elapsed = "<".join([_clock_of(progress.elapsed_s), *left])
    speed = rate_words(done - progress.done_before, progress.elapsed_s)
    rate = [speed] if is_wide and speed else []
    bar = f"{share}|{{bar}}| " if share else ""
    candidates = [
        bar + count + _bracketed([elapsed, *clock, *rate, *running, *others, *used]),
        bar + count + _bracketed([elapsed, *clock, *running, *others, *used]),
        bar + count + _bracketed([elapsed, *clock, *others]),
        bar + " ".join([count, *others, *left]),
        bar + " ".join([count, *others]),
        " ".join([count, *others, *left]),
        " ".join([count, *others]),
        count,
        str(done),
    ]
    for text in candidates:
        if len(text) - len("{bar}") * ("{bar}" in text) + _LEAST_BAR * ("{bar}" in text) <= columns:
            return text
    return ""


def _bracketed(parts: list[str]) -> str:
    return f" [{', '.join(parts)}]"


def _clock_of(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def failure_line(run: int, message: str, last_words: str | None, path: str | None) -> str:
    """Word a failure on one line: which run, why, its last words, where to look, if anywhere."""
    parts = [f"run {run} failed: {printable(message)}"]
    if last_words:
        parts.append(clip(printable(last_words.strip()), _WORDS_MAX))
    if path is not None:
        parts.append(f"see {printable(nearest_path(path))}")
    return " — ".join(parts)


def nearest_path(path: str) -> str:
    """Return `path` as seen from the current directory where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return relative if len(relative) < len(path) else path
