"""Shows how far an ensemble is until all its runs have ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from runsemble.compat.themis._progress import progress_bar


def follow(
    progress: Callable[[], tuple[int, int]],
    stream: TextIO,
    interval_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Show the bar again whenever it has changed: over the old one on a terminal, else below it.

    Args:
        progress: Returns how many runs have ended, and how many there are.
        stream: Where to show it.
        interval_s: Seconds between two looks.
        pause: Waits for some seconds.
    """
    shown = ""
    end = "\r" if stream.isatty() else "\n"
    while True:
        completed, total = progress()
        bar = progress_bar(completed, total, stream.encoding)
        if bar != shown:
            stream.write(bar + (end if completed < total else "\n"))
            stream.flush()
            shown = bar
        if completed >= total:
            return
        pause(interval_s)
