"""Where an ensemble lives, which all of its parts start from."""

from __future__ import annotations

import os


class Home:
    """An ensemble as a directory; nothing is held open between calls."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))  #: its directory
