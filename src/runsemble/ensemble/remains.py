"""Finds run directories, and what they tell of runs of which no record is left."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from runsemble import codec
from runsemble.agent.harvest import result_in
from runsemble.ensemble.logs import ATTEMPTS, current_attempt
from runsemble.inrun import PARAMS_FILE, RESULTS_FILE
from runsemble.workdir.layout import run_of_default_name

#: What only a run directory has.
_MARKS = (PARAMS_FILE, RESULTS_FILE, ATTEMPTS, "stdout", "stderr", "output")
_PLACE = re.compile(r"\{(\w+)(?::[^{}]*)?\}")


class Remains(NamedTuple):
    """What a run directory tells."""

    directory: str  #: seen from the study's
    id: int | None  #: of its run; None where the name does not tell
    params_text: str  #: JSON; empty where there are none
    attempt: int  #: of the files that are there
    result: tuple[str, str] | None  #: as the agent would have found it


def find_remains(path: str, run_dir: str | None, is_known: Callable[[str], bool]) -> Iterator[Remains]:
    """Yield what the run directories of a study tell.

    Args:
        path: The study's directory.
        run_dir: What its run directories are called, with placeholders; None: nobody chose names.
        is_known: Tells whether a directory, seen from the study's, is that of a run that is known.
    """
    id_of = run_of_default_name if run_dir is None else _id_finder(run_dir)
    for directory in _run_directories(path, is_known, id_of):
        id_ = id_of(directory)
        full = os.path.join(path, directory)
        params = _params_in(full)
        found = result_in(os.fsencode(full))
        result = None if found is None else (str(found[0]), str(found[1]))
        yield Remains(directory, id_, params, current_attempt(full), result)


def _id_finder(run_dir: str) -> Callable[[str], int | None]:
    """Return what finds the id of a run in the name of its directory; what finds none if it is not in there."""
    pattern = id_pattern(run_dir)

    def find(directory: str) -> int | None:
        match = pattern.fullmatch(directory) if pattern is not None else None
        return int(match[1]) if match is not None else None

    return find


def id_pattern(run_dir: str) -> re.Pattern[str] | None:
    """Return what finds the id of a run in the name of its directory; None if it is not in there."""
    if "run_id" not in (match[1] for match in _PLACE.finditer(run_dir)):
        return None
    parts, at, has_id = [], 0, False
    for match in _PLACE.finditer(run_dir):
        parts.append(re.escape(run_dir[at : match.start()]))
        is_id = match[1] == "run_id" and not has_id
        parts.append(r"(\d+)" if is_id else ".+?")
        has_id = has_id or is_id
        at = match.end()
    return re.compile("".join(parts) + re.escape(run_dir[at:]))


def _run_directories(path: str, is_known: Callable[[str], bool], id_of: Callable[[str], int | None]) -> Iterator[str]:
    stack = [""]
    while stack:
        above = stack.pop()
        for name in sorted(_directories_in(os.path.join(path, above))):
            directory = os.path.join(above, name)
            if is_known(directory):
                continue
            if id_of(directory) is not None or any(
                os.path.lexists(os.path.join(path, directory, mark)) for mark in _MARKS
            ):
                yield directory
            else:
                stack.append(directory)


def _directories_in(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [one.name for one in entries if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _params_in(directory: str) -> str:
    try:
        with open(os.path.join(directory, PARAMS_FILE), encoding="utf-8", errors="surrogatepass") as file:
            text = file.read()
        return text if isinstance(codec.decode(text), dict) else ""
    except (OSError, ValueError, codec.CannotUnpickle, PermissionError):
        return ""
