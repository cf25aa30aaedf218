"""Finds and reads what a run of a stored study wrote, attempt by attempt."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, NamedTuple

from runsemble.agent.rotation import LOG
from runsemble.ensemble.private import private_directory
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import UsageError
from runsemble.inrun import CURRENT_ATTEMPT_FILE
from runsemble.model.resources import count_of
from runsemble.store.packed import FILE_NAME, find_log

#: Which output is meant.
Stream = Literal["both", "stdout", "stderr"]

#: Where former attempts lie, in a run directory.
ATTEMPTS = os.path.dirname(CURRENT_ATTEMPT_FILE)
#: How much of the end of a file is looked at for its last lines, in bytes.
_TAIL_BYTES = 64 * 1024


class Log(NamedTuple):
    """A file with output of one attempt."""

    name: str  #: stdout, stderr, or output where both were merged
    path: str


def current_attempt(run_dir: str) -> int:
    """Return the attempt whose files lie in a run directory itself; 1 where none was ever moved aside."""
    try:
        with open(os.path.join(run_dir, CURRENT_ATTEMPT_FILE), encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 1


def attempt_directory(run_dir: str, attempt: int | None = None) -> str:
    """Return where the files of an attempt lie, None for the latest; that need not exist."""
    if attempt is None or attempt >= current_attempt(run_dir):
        return run_dir
    return os.path.join(run_dir, ATTEMPTS, str(attempt))


def logs_of(run: EnsembleRun, stream: Stream = "both", attempt: int | None = None) -> list[Log]:
    """Return the files with the output of a run, which need not exist; none where it is kept in the record.

    Args:
        run: Which.
        stream: Which output; where both are merged that makes no difference.
        attempt: Which attempt, from 1; None for the latest.

    Raises:
        UsageError: There was no such attempt, or output is not kept.
    """
    if attempt is not None and not 1 <= attempt <= max(run.attempts, 1):
        had = count_of(run.attempts, "attempt")
        raise UsageError(f"run {run.id} has had {had}, so there is no attempt {attempt}")
    if run.output == "discard":
        raise UsageError(f"the output of run {run.id} is not kept: the study was made with output='discard'")
    if run.output == "tail":
        return []
    if run.is_pruned:
        raise UsageError(f"the output of run {run.id} was not kept: the study was made with keep={run.keep!r}")
    if run.output == "log":  # those of earlier attempts lie beside it, under numbers
        return [Log(LOG, os.path.join(run.run_dir, LOG))]
    directory = attempt_directory(run.run_dir, attempt)
    names = [stream] if run.output == "files" and stream != "both" else names_of(run.output)
    return [Log(name, os.path.join(directory, name)) for name in names]


def names_of(output: str) -> Sequence[str]:
    """Return the names of the files with the output of a run, which `Ensemble.pack` packs.

    Args:
        output: What becomes of the output of runs.
    """
    return {"files": ("stdout", "stderr"), "merged": ("output",)}.get(output, ())


def pack_path(study_dir: str) -> str:
    """Return where the packed output of the runs of a study is."""
    return os.path.join(private_directory(study_dir), FILE_NAME)


def log_bytes(run: EnsembleRun, log: Log, attempt: int, count: int | None) -> bytes:
    """Return the last lines of a log, all of it if `count` is None; out of the pack if it is there.

    Args:
        run: Whose.
        log: Which.
        attempt: Of which attempt.
        count: How many lines.

    Raises:
        StoreError: The pack cannot be read.
    """
    if os.path.lexists(log.path):
        return last_bytes(log.path, count)
    data = find_log(pack_path(run.study_dir), run.id, attempt, log.name) or b""
    return data if count is None else last_of(data, count)


def is_packed(run: EnsembleRun, log: Log, attempt: int | None) -> bool:
    """Tell whether a log is in the pack, and no file any more; see `log_bytes`."""
    number = attempt or current_attempt(run.run_dir)
    return not os.path.lexists(log.path) and find_log(pack_path(run.study_dir), run.id, number, log.name) is not None


def last_bytes(path: str, count: int | None) -> bytes:
    """Return the last lines of a file as they are, all of it if `count` is None; nothing if there is no such file."""
    try:
        with open(path, "rb") as file:
            return file.read() if count is None else _tail(file.fileno(), os.fstat(file.fileno()).st_size, count)
    except (FileNotFoundError, NotADirectoryError):
        return b""


def _tail(fd: int, size: int, count: int) -> bytes:
    """Return the last lines of an open file; reads no more of its end than it has to."""
    length = _TAIL_BYTES
    while True:
        data = os.pread(fd, length, max(0, size - length))
        if length >= size or data.count(b"\n") > count:
            return last_of(data, count)
        length *= 4


def last_of(data: bytes, count: int) -> bytes:
    """Return the last lines of some bytes."""
    if count <= 0:
        return b""
    end = len(data) - data.endswith(b"\n")
    for _ in range(count):
        at = data.rfind(b"\n", 0, end)
        if at < 0:
            return data
        end = at
    return data[end + 1 :]


def _lines_in(data: bytes, count: int) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()[-count:]


def last_words(run: EnsembleRun, tails: Sequence[str | None], count: int) -> tuple[list[str], str | None]:
    """Return the last lines that a run wrote, to stderr if there are any, and the file where more can be found.

    Args:
        run: Which.
        tails: What the record keeps of the output of its attempts.
        count: How many lines at most.
    """
    if run.output == "discard":
        return [], None
    if run.output == "tail" or run.is_pruned:
        kept = next((tail for tail in reversed(tails) if tail), "")
        return kept.splitlines()[-count:], None
    logs = logs_of(run)
    for log in reversed(logs):
        lines = _lines_in(log_bytes(run, log, current_attempt(run.run_dir), count), count)
        if any(line.strip() for line in lines):
            return lines, log.path if os.path.exists(log.path) else None
    there = [log.path for log in reversed(logs) if os.path.exists(log.path)]
    return [], next(iter(there), None)
