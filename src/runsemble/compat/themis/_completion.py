"""Checks the command for when all runs have ended, with the wording of Themis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import Any


def check_completion(args: Iterable[Any], cwd: str | os.PathLike[str]) -> list[str]:
    """Return a command as a list.

    Raises:
        ValueError: An argument is no text, `cwd` is no directory, or there is no such program.
    """
    words = list(args)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("arguments must be strings")
    if not os.path.isdir(cwd):
        raise ValueError(f"Not a directory: '{os.fspath(cwd)}'")
    if not words or shutil.which(words[0]) is None:
        raise ValueError(f"Cannot find executable '{words[0] if words else ''}'")
    return words
