"""What is said when there is nothing to run."""

from __future__ import annotations

from runsemble.cli import exits
from runsemble.cli.say import say


def say_nothing_to_run(command: str = "run") -> int:
    """Say that no parameter set was given to a command; return the exit status."""
    say(f"runsemble {command}: there is nothing to run: no parameter set was given")
    return exits.NOTHING
