"""Wording of progress: counts, durations, failures."""

from __future__ import annotations

import os

from runsemble.model.stats import RunStatistics

#: Longest part of a run's last words that is shown.
_WORDS_MAX = 100


def counts_words(stats: RunStatistics) -> str:
    """Word what is worth knowing beside the number of finished runs: "2 running, 1 failed"."""
    parts = [f"{stats.running_count} running"]
    if stats.failure_count:
        parts.append(f"{stats.failure_count} failed")
    if stats.skipped_count:
        parts.append(f"{stats.skipped_count} skipped")
    return ", ".join(parts)


def duration_words(seconds: float) -> str:
    """Word a duration with two units at most: "42 s", "3 min 20 s", "2 h 5 min", "1.5 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def progress_line(stats: RunStatistics, total: int | None, elapsed_s: float) -> str:
    """Word the progress on one plain line: "40/100 runs done, 2 running, 1 failed, 3.3 runs/s, 18 s left"."""
    done = stats.ended_count
    known = total if total is not None else stats.total_count
    of = f"{done}/{known}" if total is not None else f"{done} of at least {known}"
    line = f"{of} runs done, {counts_words(stats)}"
    if done and elapsed_s > 0:
        rate = done / elapsed_s
        line += f", {rate:.3g} runs/s"
        if total is not None and done < total:
            line += f", about {duration_words((total - done) / rate)} left"
    return line


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
