"""Which run a hook is called for, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from runsemble.compat.themis._directories import DirectoryManager

#: What a run, and a hook, finds in its environment.
URI_ENV_VAR = "THEMIS_URI"
RUNID_ENV_VAR = "THEMIS_RUNID"
SETUPDIR_ENV_VAR = "THEMIS_SETUPDIR"
EXECDIR_ENV_VAR = "THEMIS_EXECDIR"


class Place(NamedTuple):
    """Where a hook is."""

    setup_dir: str
    run_id: int | None  #: None in the hooks of the whole ensemble


_CURRENT: ContextVar[Place | None] = ContextVar("runsemble_themis_place", default=None)


@contextmanager
def at(place: Place, directory: str | None = None) -> Iterator[None]:
    """Let hooks find that they are called for this, in a directory if one is given, while the block runs."""
    token = _CURRENT.set(place)
    try:
        with DirectoryManager(directory or os.getcwd()):
            yield
    finally:
        _CURRENT.reset(token)


def current_place() -> Place | None:
    """Return where the hook is that calls this, None if none does."""
    place = _CURRENT.get()
    if place is not None:
        return place
    setup_dir = os.environ.get(SETUPDIR_ENV_VAR)
    if not setup_dir:
        return None
    run_id = os.environ.get(RUNID_ENV_VAR)
    return Place(setup_dir, int(run_id) if run_id else None)
