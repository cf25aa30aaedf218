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
    has_colour = wants_colour(stream)
    for line in result.summary(max(width, 20), wall_s).split("\n"):
        is_bad = has_colour and line.startswith(("  run ", "Fail"))
        stream.write((click.style(line, fg="red") if is_bad else line) + "\n")


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour what goes to a stream: on a terminal, or where FORCE_COLOR is set; never with NO_COLOR.

    Source: https://no-color.org and https://force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))
