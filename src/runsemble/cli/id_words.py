"""Reads and words the numbers of runs: ``3-7,9``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from runsemble.errors import UsageError
from runsemble.model.text import quote

#: Ranges that are named in a sentence; one more if that is all.
_NAMED = 5
_PIECE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")


def parse_ids(words: Iterable[str]) -> list[range]:
    """Return the runs that are named, as ranges that are ascending and apart from each other.

    Args:
        words: Numbers and ranges, separated by commas or blanks; ``-`` stands for standard input.

    Raises:
        UsageError: One of them is no number and no range.
    """
    found = []
    for word in words:
        text = sys.stdin.read() if word == "-" else word
        found += [_parse(piece) for piece in re.split(r"[,\s]+", text) if piece]
    return merge(found)


def _parse(piece: str) -> range:
    match = _PIECE.fullmatch(piece)
    if match is None:
        raise UsageError(f"{quote(piece)} names no run; write numbers and ranges, such as 3-7,9")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise UsageError(f"the range {piece} is empty; write {last}-{first}")
    return range(first, last + 1)


def merge(ranges: Iterable[range]) -> list[range]:
    """Return ranges that hold the same numbers, ascending and apart from each other."""
    merged: list[range] = []
    for one in sorted(ranges, key=lambda numbers: numbers.start):
        if merged and one.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, one.stop))
        else:
            merged.append(one)
    return merged


def ids_words(ids: Sequence[int]) -> str:
    """Word the numbers of runs for a sentence: "run 3", "runs 3 and 7", "runs 3-7, 9 and 120 more"."""
    ranges = merge(range(id_, id_ + 1) for id_ in ids)
    named = ranges if len(ranges) <= _NAMED + 1 else ranges[:_NAMED]
    pieces = [piece for numbers in named for piece in _pieces(numbers)]
    if left := len(set(ids)) - sum(map(len, named)):
        pieces.append(f"{left} more")
    *first, last = pieces
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"run {listed}" if len(set(ids)) == 1 else f"runs {listed}"


def _pieces(numbers: range) -> list[str]:
    return [str(number) for number in numbers] if len(numbers) < 3 else [f"{numbers[0]}-{numbers[-1]}"]
