"""The command line. What is used inside runs stays quick: it is told apart before anything heavier is imported."""

from __future__ import annotations

import sys

#: Commands for use inside a run.
IN_RUN = ("param", "post")


def main() -> int:
    """Run the command line of this process; return the exit status."""
    argv = sys.argv[1:]
    if argv and argv[0] in IN_RUN:
        from runsemble.inrun import command

        return command.main(argv)
    from runsemble.cli.app import run_app

    return run_app(argv)
