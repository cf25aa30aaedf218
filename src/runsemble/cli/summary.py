"""Prints the summary at the end of a study, as wide as the terminal."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from runsemble.runners.outcome import MultirunResult


def print_summary(stream: TextIO, result: MultirunResult, wall_s: float) -> None:
    """Print what came of a study; what failed in red, where there is colour."""
    width = shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 100
    has_colour = wants_colour(stream)
    for line in result.summary(max(width, 20), wall_s).split("\n"):
        is_bad = has_colour and line.startswith(("  run ", "Fail"))
        stream.write((click.style(line, fg="red") if is_bad else line) + "\n")


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour what goes to a stream: on a terminal that can, or where FORCE_COLOR is set.

    Never with NO_COLOR; nor, on a terminal, with CLICOLOR=0.

    Source: https://no-color.org, https://force-color.org and https://bixense.com/clicolors.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get("CLICOLOR") != "0"
