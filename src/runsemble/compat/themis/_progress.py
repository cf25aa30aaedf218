"""What `themis progress`, and `themis status`, say."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping

from runsemble.compat.themis._records import STATUS_WORDS

#: Characters between the ends of the bar.
BAR = 35
_BLOCK = "█"


def progress_bar(completed: int, total: int, encoding: str | None = "utf-8") -> str:
    """Return how much is done, as a bar and in figures: ``|███---| 40.0% Complete (2/5)``.

    Args:
        completed: Runs that have ended.
        total: All runs; there may be none.
        encoding: That of the stream; a `#` stands for the block where it has none.
    """
    share = completed / total if total else 0.0
    filled = int(BAR * share)
    return f"|{_block(encoding) * filled}{'-' * (BAR - filled)}| {100 * share:.1f}% Complete ({completed}/{total})"


def progress_lines(completed: int, total: int, encoding: str | None = "utf-8") -> list[str]:
    """Return the bar with the blank lines around it."""
    return ["", progress_bar(completed, total, encoding), "", ""]


def count_lines(counts: Mapping[str, int]) -> list[str]:
    """Return how many runs have each of the five statuses."""
    return [f"{word.capitalize()} runs: {counts[word]}" for word in STATUS_WORDS]


def status_line(run_ids: Iterable[int]) -> str:
    """Return numbers of runs on one line."""
    return " ".join(map(str, run_ids))


def _block(encoding: str | None) -> str:
    try:
        codecs.lookup(encoding or "ascii")
        _BLOCK.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return "#"
    return _BLOCK
