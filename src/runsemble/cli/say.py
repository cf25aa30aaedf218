"""Says a line on stderr; whether anybody can hear it makes no difference to anything else."""

from __future__ import annotations

import os
import sys

import click


def say(line: str) -> None:
    """Write a line to stderr; one that cannot be written is lost, and so is what comes after it."""
    try:
        click.echo(line, err=True)
    except OSError:
        _stop_saying()


def finish_saying() -> None:
    """Write what is left for stderr; what cannot be written must not change the exit status of the process."""
    try:
        sys.stderr.flush()
    except OSError:
        _stop_saying()


def _stop_saying() -> None:
    """Let stderr lead nowhere: what is in its buffer would be tried again at the next line, and at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stderr.fileno())
    os.close(null)
