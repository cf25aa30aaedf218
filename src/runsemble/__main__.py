"""``python -m runsemble``: the command line, where no program of that name is on PATH."""

from __future__ import annotations

import sys

from runsemble.cli import main

if __name__ == "__main__":
    sys.exit(main())
