"""Where a study keeps what is neither record nor output."""

from __future__ import annotations

import os

from runsemble.workdir.layout import PRIVATE


def private_directory(directory: str) -> str:
    """Return where the study in `directory` keeps what is neither record nor output."""
    return os.path.join(directory, PRIVATE)


def make_private_directory(directory: str) -> str:
    """Make that directory if it is not there, closed to others, and return it.

    Raises:
        OSError: It cannot be made.
    """
    private = private_directory(directory)
    os.makedirs(private, mode=0o700, exist_ok=True)
    return private
