"""Files that a run gets, and what becomes of its output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from runsemble.errors import InputFileError, UsageError

FileLinkage = Literal["copy", "shared", "link"]
TemplateEngine = Literal["jinja", "tokens"]
OutputMode = Literal["files", "merged", "discard", "tail", "log"]
#: Those that users can ask for; "log", of scripts written for Themis, has a file for every process that starts.
_PUBLIC_MODES: tuple[OutputMode, ...] = ("files", "merged", "discard", "tail")

#: How much of a run's output `output="tail"` keeps, in bytes.
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileResource:
    """An existing file, or directory, to be had in every run directory.

    Attributes:
        path: The existing file; a pattern such as ``data/*.csv`` stands for every file it matches.
        linkage: ``copy``: a copy of its own for every run. ``shared``: one copy for the study, and a symbolic link
            to it in every run. ``link``: a symbolic link to the file itself.
        rename: Name, or relative path, in the run directory; the file's own name when None.

    Raises:
        InputFileError: Unknown linkage, or a `rename` that leaves the run directory.
    """

    path: str | os.PathLike[str]
    linkage: FileLinkage = "shared"
    rename: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be staged anywhere."""
        if self.linkage not in get_args(FileLinkage):
            raise InputFileError(f"linkage must be 'copy', 'shared' or 'link', not {self.linkage!r}")
        _require_inside(self.path, self.rename)

    @property
    def name(self) -> Path:
        """Path in the run directory, relative to it."""
        return _name_in_run(self.path, self.rename)


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A text file in which parameters are filled in for every run.

    Attributes:
        path: The template: text in which ``%%name%%`` stands for a parameter.
        rename: Name, or relative path, in the run directory; the file's own name when None.
        engine: ``jinja``: also expressions, filters, ``{% if %}`` and ``{% include %}``, and a name that is not known
            is an error. ``tokens``: ``%%name%%`` and nothing else, and unknown names stay as they are.

    Raises:
        InputFileError: Unknown engine, or a `rename` that leaves the run directory.
    """

    path: str | os.PathLike[str]
    rename: str | os.PathLike[str] | None = None
    engine: TemplateEngine = "jinja"

    def __post_init__(self) -> None:
        """Refuse what could not be rendered anywhere."""
        if self.engine not in get_args(TemplateEngine):
            raise InputFileError(f"engine must be 'jinja' or 'tokens', not {self.engine!r}")
        _require_inside(self.path, self.rename)

    @property
    def name(self) -> Path:
        """Path in the run directory, relative to it."""
        return _name_in_run(self.path, self.rename)


def _name_in_run(path: str | os.PathLike[str], rename: str | os.PathLike[str] | None) -> Path:
    return Path(rename) if rename is not None else Path(Path(path).name)


def _require_inside(path: str | os.PathLike[str], rename: str | os.PathLike[str] | None) -> None:
    target = PurePosixPath(_name_in_run(path, rename))
    if target.is_absolute() or ".." in target.parts or str(target) in ("", "."):
        what = f"rename={str(rename)!r}" if rename is not None else f"the name of {os.fspath(path)!r}"
        raise InputFileError(f"{what} must be a path inside the run directory")


def require_output_mode(mode: str) -> OutputMode:
    """Return `mode` when it is one.

    Raises:
        UsageError: It is not.
    """
    for known in _PUBLIC_MODES:
        if mode == known:
            return known
    raise UsageError(f"output must be 'files', 'merged', 'discard' or 'tail', not {mode!r}")
