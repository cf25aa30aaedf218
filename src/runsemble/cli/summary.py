"""Prints the summary at the end of a study, as wide as the terminal."""

from __future__ import annotations

import os
import shutil
from typing import TextIO

import click

from runsemble.runners.outcome import MultirunResult


def print_summary(stream: TextIO, result: MultirunResult, wall_s: float) -> None:
    """Print what came of a study; what failed in red, where there is colour."""
    width = shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 100
    has_colour = (stream.isatty() and not os.environ.get("NO_COLOR")) or bool(os.environ.get("FORCE_COLOR"))
    for line in result.summary(max(width, 20), wall_s).split("\n"):
        is_bad = has_colour and line.startswith(("  run ", "Fail"))
        stream.write((click.style(line, fg="red") if is_bad else line) + "\n")
