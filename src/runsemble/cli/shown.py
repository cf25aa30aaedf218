"""Stored runs as they are shown: with their results, or why those cannot be read."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

from runsemble.display.tally import ShownRun
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import ResultError

#: How much of its output is looked at for a run's last line, in bytes.
_TAIL = 4096
#: Columns that are taken where nobody says how many there are, and nobody may want to lose any.
_WIDE = 100_000


def shown_run(run: EnsembleRun) -> ShownRun:
    """Return what is shown of a run; a result that is a pickle is not loaded."""
    try:
        return ShownRun(run, run.read_result(allow_pickle=False))
    except ResultError as error:
        return ShownRun(run, None, str(error))


def last_line(path: str | None) -> str | None:
    """Return the last line of a run's output, of a long one the end; None if there is none."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            lines = file.read().decode(errors="replace").rstrip().splitlines()
    except OSError:
        return None
    return lines[-1] if lines else None


def width_of(stream: TextIO) -> int:
    """Return how wide a table may be: as wide as the terminal, or as it likes where there is none."""
    return max(20, shutil.get_terminal_size((100, 24)).columns) if stream.isatty() else _WIDE
