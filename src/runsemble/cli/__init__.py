"""The command line. What is used inside runs stays quick: it is told apart before anything heavier is imported."""

from __future__ import annotations

import sys

#: Commands for use inside a run.
IN_RUN = ("param", "post")


def _open_standard_files() -> None:
    """Let every standard file that the caller has closed be /dev/null, before another file takes its descriptor."""
    import os

    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
        if name != "stdin" and getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))


def main() -> int:
    """Run the command line of this process; return the exit status."""
    argv = sys.argv[1:]
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_standard_files()
    if argv and argv[0] in IN_RUN:
        from runsemble.inrun import command

        return command.main(argv)
    from runsemble.cli.app import run_app

    return run_app(argv)
