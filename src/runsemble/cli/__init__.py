"""The command line. A sub-command is imported when it is called, so that those used inside runs stay quick."""

from __future__ import annotations

import sys

HELP = """\
Usage: runsemble COMMAND [ARGUMENTS]

Inside a run:
  param [NAME]       print the run's parameters, or one of them
  post KEY=VALUE     submit the run's result

  --version          print the version
  -h, --help         print this help, or that of a command

Studies are started from Python: see runsemble.multirun.
"""


def main() -> int:
    """Run the command line of this process; return the exit status."""
    argv = sys.argv[1:]
    if argv and argv[0] in ("param", "post"):
        from runsemble.inrun import command

        return command.main(argv)
    if argv in (["-h"], ["--help"]):
        sys.stdout.write(HELP)
        return 0
    if argv == ["--version"]:
        from runsemble._version import __version__

        sys.stdout.write("runsemble " + __version__ + "\n")
        return 0
    problem = "runsemble: no command " + repr(argv[0]) + "\n\n" if argv else ""
    sys.stderr.write(problem + HELP)
    return 2
