"""Packs what the successful runs of a study wrote into one file."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio.to_thread

from runsemble.ensemble.keeping import beating
from runsemble.ensemble.logs import attempt_directory, current_attempt, names_of, pack_path
from runsemble.ensemble.private import make_private_directory
from runsemble.ensemble.pruning import FRESH_S
from runsemble.store.packed import PackedLog, add_logs
from runsemble.store.reader import Reader, reading
from runsemble.store.records import StoredRun
from runsemble.store.writer import Writer, hold_lease
from runsemble.workdir.layout import run_directory

#: Runs that are packed in one transaction.
PAGE = 200
#: Larger files stay where they are, in bytes: they are no burden to a file system, and would be one to the pack.
LARGE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What came of packing."""

    runs: int = 0  #: whose output is in the pack now, and was not before
    files: int = 0  #: that are gone, empty ones included
    size_bytes: int = 0  #: that were in them


class _File(NamedTuple):
    """A file with output."""

    run: int
    attempt: int
    name: str
    path: str
    size_bytes: int


async def pack(directory: str) -> Packed:
    """Pack the output of successful runs; see `Ensemble.pack`."""
    async with hold_lease(directory) as writer, reading(directory) as reader, beating(writer):
        return await _pack(directory, writer, reader)


async def _pack(directory: str, writer: Writer, reader: Reader) -> Packed:
    await anyio.to_thread.run_sync(make_private_directory, directory)
    recipes, done, first = await reader.recipes(), Packed(), 0
    while page := await reader.page(first, PAGE, "success"):
        first = page[-1].id + 1
        files = await anyio.to_thread.run_sync(_files_of, directory, recipes, page)
        if files:
            await anyio.to_thread.run_sync(add_logs, pack_path(directory), _logs_in(files))
        left: Sequence[_File] = files
        while left:
            began = time.monotonic()
            await writer.require_lease()  # with it nobody else has had a run of these executed again
            left = await anyio.to_thread.run_sync(_remove, left, began + FRESH_S)
        done = Packed(
            runs=done.runs + len({file.run for file in files}),
            files=done.files + len(files),
            size_bytes=done.size_bytes + sum(file.size_bytes for file in files),
        )
    return done


def _files_of(directory: str, recipes: Mapping[int, Mapping[str, Any]], runs: Sequence[StoredRun]) -> list[_File]:
    """Return the files with the output of runs that are to be packed."""
    return [file for run in runs for file in _files_of_run(directory, recipes[run.recipe]["output"], run)]


def _files_of_run(directory: str, output: str, run: StoredRun) -> Iterator[_File]:
    where = run_directory(directory, run.id, run.directory)
    for attempt in range(1, current_attempt(where) + 1):
        for name in names_of(output):
            path = os.path.join(attempt_directory(where, attempt), name)
            with suppress(FileNotFoundError, NotADirectoryError):
                info = os.lstat(path)
                if stat.S_ISREG(info.st_mode) and info.st_size <= LARGE_BYTES and os.access(path, os.R_OK):
                    yield _File(run.id, attempt, name, path, info.st_size)


def _logs_in(files: Sequence[_File]) -> Iterator[PackedLog]:
    """Yield what is in files, one after the other; nothing for an empty one, which is read as one that is not there."""
    for file in files:
        if file.size_bytes:
            with open(file.path, "rb") as stream:
                yield PackedLog(file.run, file.attempt, file.name, stream.read())


def _remove(files: Sequence[_File], until: float) -> Sequence[_File]:
    """Remove files; return those to which it did not come in time."""
    for count, file in enumerate(files):
        if time.monotonic() > until:
            return files[count:]
        with suppress(OSError):  # where it stays, it is read as before
            os.unlink(file.path)
    return ()
