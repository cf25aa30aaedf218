"""What the functions of an application interface can ask for."""

from __future__ import annotations

import copy
import os

from runsemble.compat.themis._context import Place, current_place
from runsemble.compat.themis._runs import CompositeRun
from runsemble.compat.themis._themis import Themis

__all__ = ["root_dir", "run", "run_id", "stop_ensemble", "themis_handle"]


def run_id() -> int | None:
    """Return the number of the run that the function is called for; None in `prep_ensemble` and `post_ensemble`."""
    return _place().run_id


def run() -> CompositeRun | None:
    """Return a copy of that run, with `sample` and `steps`; None in `prep_ensemble` and `post_ensemble`."""
    number = run_id()
    if number is None:
        return None
    found = themis_handle().runs([number])[number]
    return CompositeRun(copy.deepcopy(found.sample), found.steps)


def themis_handle() -> Themis:
    """Return the ensemble."""
    return Themis(_place().setup_dir)


def stop_ensemble() -> None:
    """Have nothing more started: what runs is finished, then `post_ensemble` is called.

    Without effect where nothing is being executed.
    """
    themis_handle()._finish()


def root_dir() -> str:
    """Return the directory in which the ensemble was created."""
    return str(themis_handle()._spec["root_dir"])


def _place() -> Place:
    place = current_place()
    if place is None:
        raise RuntimeError(
            f"user_utils is for the functions of an application interface, and none is being called (in {os.getcwd()})"
        )
    return place
