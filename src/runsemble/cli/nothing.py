"""What is said when there is nothing to run."""

from __future__ import annotations

import click

from runsemble.cli import exits


def say_nothing_to_run() -> int:
    """Say that no parameter set was given; return the exit status."""
    click.echo("runsemble run: there is nothing to run: no parameter set was given", err=True)
    return exits.NOTHING
