"""What the exit status of a command says."""

from __future__ import annotations

OK = 0
FAILED = 1  #: at least one run failed
USAGE = 2  #: the command line, or a file it names, makes no sense
ABORTED = 3  #: given up, because more runs failed than was put up with
INFRASTRUCTURE = 4  #: the machinery broke: agent, disk, record; or another process is in the way
NOTHING = 5  #: there was nothing to run
DEADLINE = 124  #: the time for the whole study was over
INTERRUPTED = 130  #: by Ctrl-C
TERMINATED = 143  #: by SIGTERM

HELP = """\
Exit status: 0 every run succeeded, 1 a run failed, 2 wrong usage, 3 given up
(--halt, --max-failures), 4 broken machinery, 5 nothing to run, 124 --deadline, 130 Ctrl-C,
143 SIGTERM."""
