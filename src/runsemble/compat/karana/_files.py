"""Karana's `FileResource`, whose attributes can be set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runsemble.model import files
from runsemble.model.files import FileLinkage


@dataclass
class FileResource:
    """A file to be had in every run directory.

    Attributes:
        path: The existing file.
        linkage: ``copy``: a copy of its own for every run. ``shared``: one copy for the study, and a symbolic link
            to it in every run. ``link``: a symbolic link to the file itself.
        rename: Name, or relative path, in the run directory; the file's own name when None.

    Raises:
        InputFileError: Unknown linkage, or a `rename` that leaves the run directory.
    """

    path: Path | str | os.PathLike[str]
    linkage: FileLinkage = "shared"
    rename: str | Path | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be staged anywhere."""
        self.as_native()

    @property
    def name(self) -> Path:
        """Path in the run directory, relative to it."""
        return self.as_native().name

    def as_native(self) -> files.FileResource:
        """Return it as it is now, as `runsemble.multirun` knows it.

        Raises:
            InputFileError: See the class.
        """
        return files.FileResource(self.path, self.linkage, self.rename)


def native_files(given: Any) -> Any:
    """Return input files as `runsemble.multirun` knows them; what is no list is left as it is, to be refused."""
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)):
        return given
    return [item.as_native() if isinstance(item, FileResource) else item for item in given]
