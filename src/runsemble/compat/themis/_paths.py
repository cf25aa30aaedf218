"""The files that an ensemble is made from: its program, and what every run gets."""

from __future__ import annotations

import glob
import os
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Patterns = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """What every run directory gets, as absolute paths; no path is in two groups."""

    parse: tuple[str, ...] = ()  #: texts whose tokens are filled in
    copy: tuple[str, ...] = ()
    symlink: tuple[str, ...] = ()


def which(program: str) -> str | None:
    """Return where a program is found along PATH, None where it is not; a path stands for itself if executable."""
    return shutil.which(program)


def validate_application(application: str | os.PathLike[str]) -> str:
    """Return the absolute path of a program: an existing file, or else what PATH knows by that name.

    Raises:
        ValueError: There is none, or it is not a file that may be executed.
    """
    name = os.fspath(application)
    found: str | None
    if os.path.exists(name):
        found = os.path.abspath(name) if os.path.isfile(name) and os.access(name, os.X_OK) else None
    else:
        found = which(name)
    if found is None:
        raise ValueError(f"{name} is not a valid application: it either does not exist or is not executable.")
    return os.path.abspath(found)


def existing_file(file_path: Any) -> str:
    """Return the absolute path of a file that exists.

    Raises:
        ValueError: It does not, or is a directory.
    """
    if not isinstance(file_path, str | os.PathLike) or not os.path.exists(file_path):
        raise ValueError(f"{file_path!r} is not an existing file")
    return _not_a_directory(os.path.abspath(file_path), file_path)


def sequence_of_path_patterns(path_patterns: Patterns, no_dirs: bool = False) -> tuple[str, ...]:
    """Return the absolute paths that some patterns match, each once, in the order of the patterns.

    Args:
        path_patterns: One pattern such as ``data/*.csv``, several, or None for none.
        no_dirs: Whether a directory among the matches is refused.

    Raises:
        ValueError: A pattern matches nothing, or a directory where none may be.
        TypeError: They are no patterns.
    """
    if path_patterns is None:
        return ()
    several = [path_patterns] if isinstance(path_patterns, str | os.PathLike) else path_patterns
    paths = [os.path.abspath(path) for pattern in several for path in _matches(os.fspath(pattern))]
    return tuple(dict.fromkeys(_not_a_directory(path, path) if no_dirs else path for path in paths))


def run_files(parse: Patterns, copy: Patterns, symlink: Patterns) -> RunFiles:
    """Return what every run gets; a path in two groups stays in the first of them, with a warning.

    Raises:
        ValueError, TypeError: See `sequence_of_path_patterns`; what is parsed must not be a directory.
    """
    groups = [
        ("run_parse", sequence_of_path_patterns(parse, no_dirs=True)),
        ("run_copy", sequence_of_path_patterns(copy)),
        ("run_symlink", sequence_of_path_patterns(symlink)),
    ]
    taken: dict[str, str] = {}
    kept: list[tuple[str, ...]] = []
    clashes: list[str] = []
    for name, paths in groups:
        clashes += [f"{path} is in both {taken[path]} and {name}" for path in paths if path in taken]
        kept.append(tuple(path for path in paths if path not in taken))
        taken.update(dict.fromkeys(kept[-1], name))
    if clashes:
        text = "run_parse, run_copy and run_symlink should be distinct, and the first of them wins: "
        warnings.warn(text + "; ".join(clashes), UserWarning, stacklevel=3)
    return RunFiles(parse=kept[0], copy=kept[1], symlink=kept[2])


def _matches(pattern: str) -> list[str]:
    """Return what a pattern matches, in order of name; a file that has the pattern for its name counts, too."""
    found = sorted(glob.glob(pattern)) or ([pattern] if os.path.lexists(pattern) else [])
    if not found:
        raise ValueError(f"{pattern!r} does not match anything.")
    return found


def _not_a_directory(path: str, shown: object) -> str:
    if os.path.isdir(path):
        raise ValueError(f"{shown!r} is a directory, but a file is required")
    return path
