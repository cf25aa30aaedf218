"""Looks at the small files of a check, which are worth no thread."""

from __future__ import annotations

import os
from pathlib import Path


def read(*parts: str | os.PathLike[str]) -> str:
    """Return the text of a file, whose path is joined from its parts."""
    return Path(*parts).read_text(encoding="utf-8")


def exists(*parts: str | os.PathLike[str]) -> bool:
    """Tell whether there is a file of this path."""
    return Path(*parts).exists()


def sizes(*paths: str | os.PathLike[str] | None) -> list[int]:
    """Return the sizes of files in bytes, -1 for one that does not exist."""
    return [Path(path).stat().st_size if path is not None and exists(path) else -1 for path in paths]


def contents(*parts: str | os.PathLike[str]) -> dict[str, str]:
    """Return the text of every file in a directory, by name."""
    return {path.name: read(path) for path in Path(*parts).iterdir() if path.is_file()}


def modes(*paths: str | os.PathLike[str]) -> dict[str, int]:
    """Return the permissions of files, and of everything in those that are directories."""
    found = [inner for path in map(Path, paths) for inner in (path, *(path.iterdir() if path.is_dir() else ()))]
    return {str(path): path.stat().st_mode & 0o777 for path in found}
