"""Durations and sizes as people write them."""

from __future__ import annotations

import math
import re

from runsemble.errors import UsageError
from runsemble.model.text import quote

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):([0-5]?\d)(?::([0-5]?\d(?:\.\d+)?))?")
_DAYS = re.compile(r"(\d+)-(\d+)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
_MIB = {"k": 1 / 1024, "": 1.0, "m": 1.0, "g": 1024.0, "t": 1024.0**2}


def parse_duration(text: str) -> float:
    """Return a duration in seconds: ``90``, ``90s``, ``1h30m``, ``01:30:00``, ``2-12``, ``2-12:00:00``.

    Two numbers with a colon are minutes and seconds, as in Slurm; with days before them, hours and minutes. A number
    alone is seconds, not minutes as in Slurm.

    Raises:
        UsageError: It is none.
    Source: sbatch(1), --time, for the forms with colons.
    """
    seconds = _seconds_in(text.strip().lower())
    if seconds is None or not math.isfinite(seconds):
        raise UsageError(f"{quote(text)} is no duration; write 90, 90s, 1h30m or 01:30:00")
    return seconds


def _seconds_in(clean: str) -> float | None:
    if _NUMBER.fullmatch(clean):
        return float(clean)
    parts = _PART.findall(clean)
    if parts and not _PART.sub("", clean).strip():
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if (whole := _DAYS.fullmatch(clean)) is not None:
        return float(whole[1]) * 86400 + float(whole[2]) * 3600
    clock = _CLOCK.fullmatch(clean)
    if clock is None:
        return None
    days, first, second, third = clock.groups()
    if third is None and days is None:
        return float(first) * 60 + int(second)
    return float(days or 0) * 86400 + float(first) * 3600 + int(second) * 60.0 + float(third or 0)


def parse_mem_mib(text: str) -> int:
    """Return a size in MiB, rounded up: ``512`` (MiB), ``512M``, ``4G``, ``1.5GiB``; units are powers of 1024.

    Raises:
        UsageError: It is none.
    Source: sbatch(1), --mem.
    """
    match = _SIZE.fullmatch(text.strip())
    mib = math.inf if match is None else float(match[1]) * _MIB[match[2].lower()]
    if match is None or not math.isfinite(mib):
        raise UsageError(f"{quote(text)} is no size; write 512M or 4G")
    if match[3] and not match[2]:
        mib /= 2**20  # "4096B"
    return -int(-mib // 1)
