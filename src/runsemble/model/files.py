"""Files that a run gets, and what becomes of its output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from runsemble.errors import InputFileError, UsageError

FileLinkage = Literal["copy", "shared", "link"]
OutputMode = Literal["files", "merged", "discard", "tail"]

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
        target = PurePosixPath(self.name)
        if target.is_absolute() or ".." in target.parts or str(target) in ("", "."):
            renamed = self.rename is not None
            what = f"rename={str(self.rename)!r}" if renamed else f"the name of {os.fspath(self.path)!r}"
            raise InputFileError(f"{what} must be a path inside the run directory")

    @property
    def name(self) -> Path:
        """Path in the run directory, relative to it."""
        return Path(self.rename) if self.rename is not None else Path(Path(self.path).name)


def require_output_mode(mode: str) -> OutputMode:
    """Return `mode` when it is one.

    Raises:
        UsageError: It is not.
    """
    for known in get_args(OutputMode):
        if mode == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"output must be 'files', 'merged', 'discard' or 'tail', not {mode!r}")
