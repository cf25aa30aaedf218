"""Looks at the machine for signs of a resource manager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from runsemble.compat.themis._managers import Surroundings

#: Seconds within which Flux answers, or does not.
_ANSWERS_WITHIN_S = 10.0


def look_around() -> Surroundings:
    """Return what there is to see of this machine; Flux is asked only when somebody wants to know."""
    return Surroundings(
        platform=sys.platform,
        environ=os.environ,
        which=shutil.which,
        exists=os.path.exists,
        flux_answers=_flux_answers,
    )


def _flux_answers() -> bool:
    try:
        done = subprocess.run(
            ["flux", "resource", "list"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_ANSWERS_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
