"""Input files: found, checked, and turned into what has to be done for every run."""

from __future__ import annotations

import glob
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from runsemble.agent import spawn
from runsemble.errors import InputFileError
from runsemble.model.files import FileResource
from runsemble.workdir.layout import SHARED

#: Names in a run directory that runsemble itself writes.
RESERVED = frozenset(
    {"params.json", "results.json", "metrics.jsonl", "exception.pickle", "stdout", "stderr", "output", ".attempts"}
)

#: A longer word is no path. Source: limits.h, PATH_MAX.
_LONGEST_PATH = 4096
#: How much of a file is copied before it is asked again whether the copy is wanted.
CHUNK_BYTES = 8 << 20


class StagedFile(NamedTuple):
    """One input as it comes into a run directory."""

    how: str  #: "copy", "link", or "relative": a link that outlives a move of the whole study
    source: str  #: absolute path
    name: str  #: path relative to the run directory
    origin: str = ""  #: the user's file, where the source is a copy of it


def plan_staging(
    inputs: Iterable[FileResource | str | os.PathLike[str]], submit_dir: str, output_path: str
) -> tuple[list[StagedFile], list[tuple[str, str]]]:
    """Find the input files and decide how each comes into a run directory.

    Args:
        inputs: Files, patterns, resources; relative paths are seen from `submit_dir`.
        submit_dir: The caller's directory.
        output_path: The study's directory, where shared copies go.

    Returns:
        What is to be done for every run, and which shared copies (source, target) have to be made before.

    Raises:
        InputFileError: A file is missing or unreadable, a pattern matches nothing, two inputs have one name, or one
            has a name of ours.
    """
    staged: list[StagedFile] = []
    copies: list[tuple[str, str]] = []
    for resource in inputs:
        if not isinstance(resource, FileResource):
            resource = FileResource(_require_path(resource))
        for source, name in _matches(resource, submit_dir):
            _check_name(name, staged)
            if resource.linkage == "shared":
                shared = os.path.join(output_path, SHARED, name)
                copies.append((source, shared))
                staged.append(StagedFile("relative", shared, name, source))
            else:
                staged.append(StagedFile(resource.linkage, source, name))
    return staged, copies


def plan_freely(inputs: Iterable[object]) -> list[StagedFile]:
    """Return input files in their order, where a later one replaces an earlier one of the same name.

    Args:
        inputs: Resources with absolute paths; what is none is left out.
    """
    resources = [item for item in inputs if isinstance(item, FileResource)]
    return [StagedFile(item.linkage, os.fspath(item.path), os.fspath(item.name)) for item in resources]


def stage_list(staged: Iterable[StagedFile]) -> list[tuple[str, str, str]]:
    """Return staged files as a plan message has them."""
    return [(item.how, item.source, item.name) for item in staged]


class GivenUp(Exception):
    """Nobody wants the copies any more."""


def make_shared_copies(copies: Iterable[tuple[str, str]], is_wanted: Callable[[], bool] = lambda: True) -> None:
    """Make the study's own copy of every shared input.

    Args:
        copies: What to copy, and where to.
        is_wanted: Asked now and then whether to go on.

    Raises:
        InputFileError: One cannot be copied.
        GivenUp: They are not wanted any more; what was copied so far is there.
    """

    def copy(source: str, target: str) -> None:
        if stat.S_ISFIFO(os.stat(source).st_mode):
            raise shutil.SpecialFileError(f"{source} is a named pipe")
        with open(source, "rb") as reader, open(target, "wb") as writer:
            while chunk := reader.read(CHUNK_BYTES):
                if not is_wanted():
                    raise GivenUp
                writer.write(chunk)
        shutil.copystat(source, target)

    for source, target in copies:
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True, copy_function=copy, dirs_exist_ok=True)
            else:
                copy(source, target)
        except shutil.Error as error:  # of a directory: a list of (source, target, reason)
            culprit, _, reason = error.args[0][0]
            raise InputFileError(f"input file {culprit} cannot be copied: {reason}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputFileError(f"input file {source} cannot be copied to {target}: {reason}") from error


def refuse_forgotten_inputs(argv: Iterable[str], submit_dir: str, names: Iterable[str]) -> None:
    """Refuse arguments that name a file beside the caller which the run would not find.

    Args:
        argv: The arguments.
        submit_dir: The caller's directory.
        names: What is in the run directory.

    Raises:
        InputFileError: With the name of the file, and what to add.
    """
    there = list(names)
    for argument in argv:
        if is_forgotten(argument, submit_dir, there):
            raise InputFileError(
                f"{argument} is in {submit_dir}, but runs start in their own directories: "
                f"add it to input_files (--input {argument}), or give its absolute path"
            )


def is_forgotten(word: str, submit_dir: str, names: Iterable[str]) -> bool:
    """Tell whether a word names a file beside the caller which a run would not find.

    Args:
        word: A word of a command.
        submit_dir: The caller's directory.
        names: What is in the run directory, beside what runsemble writes there.
    """
    if not word or word.startswith(("/", "-")) or "\0" in word:
        return False
    name = os.path.normpath(word)
    there = {*names, *RESERVED}
    if name in there or any(name.startswith(directory + "/") for directory in there):
        return False
    return len(os.fsencode(name)) < _LONGEST_PATH and os.path.isfile(os.path.join(submit_dir, name))


def _matches(resource: FileResource, submit_dir: str) -> list[tuple[str, str]]:
    """Return (absolute source, name in the run directory) of every file that a resource stands for."""
    written = os.fspath(resource.path)
    path = os.path.join(submit_dir, written)
    if _is_there(path):
        sources = [path]
    elif glob.has_magic(written):
        sources = sorted(glob.glob(path, recursive=True))
        if not sources:
            raise InputFileError(f"no input file matches {written!r} in {submit_dir}")
        if resource.rename is not None and len(sources) > 1:
            raise InputFileError(
                f"{written!r} matches {len(sources)} files, which cannot all be called {resource.name}"
            )
    else:
        raise InputFileError(f"input file {written!r} does not exist in {submit_dir}")
    for source in sources:
        if not os.access(source, os.R_OK):
            raise InputFileError(f"input file {source} cannot be read")
    if resource.rename is not None:
        return [(os.path.normpath(sources[0]), os.path.normpath(resource.name))]
    return [(os.path.normpath(source), os.path.basename(os.path.normpath(source))) for source in sources]


def _is_there(path: str) -> bool:
    try:
        os.lstat(path)
    except PermissionError as error:
        raise InputFileError(f"input file {path} cannot be read: {error.strerror}") from error
    except OSError:
        return False
    return True


def _require_path(value: object) -> str | os.PathLike[str]:
    if not isinstance(value, (str, os.PathLike)):
        raise InputFileError(f"an input file must be a path or a FileResource, not {value!r}")
    return value


def check_names(names: Iterable[str], staged: Sequence[StagedFile]) -> None:
    """Refuse files of a run's own that cannot lie beside its inputs, or each other.

    Raises:
        InputFileError: With the name.
    """
    there = list(staged)
    for name in names:
        _check_name(name, there)
        there.append(StagedFile("render", "a template", name))


def _check_name(name: str, staged: Iterable[StagedFile]) -> None:
    if name.split("/")[0] in RESERVED or name.endswith(spawn.PARTIAL.decode()):
        raise InputFileError(f"an input file cannot be called {name!r} in a run directory, where runsemble writes it")
    for other in staged:
        if name == other.name or name.startswith(other.name + "/") or other.name.startswith(name + "/"):
            raise InputFileError(
                f"two input files would be {name!r} in the run directory ({other.origin or other.source} is one): "
                "rename one of them"
            )
