"""What hooks can ask for: which run they are called for, and in which ensemble.

from runsemble import user_utils


def post_run():
    if user_utils.run().params["x"] > 3:
        user_utils.stop_ensemble()
"""

from __future__ import annotations

import os
from contextlib import suppress

from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import NotInRun, UsageError
from runsemble.store.reader import reading

__all__ = ["ensemble", "run", "run_id", "stop_ensemble", "submit_dir"]


def run_id() -> int | None:
    """Return the id of the run that the hook is called for; None in `prep_ensemble` and `post_ensemble`.

    Raises:
        NotInRun: No hook is being called.
    """
    _directory()
    text = os.environ.get("RUNSEMBLE_RUN_ID")
    return int(text) if text else None


def run() -> EnsembleRun | None:
    """Return that run as the record has it; None in `prep_ensemble` and `post_ensemble`.

    Raises:
        NotInRun: No hook is being called.
    """
    number = run_id()
    return None if number is None else blocking(ensemble().run)(number)


def ensemble() -> Ensemble:
    """Return the ensemble.

    Raises:
        NotInRun: No hook is being called.
    """
    return Ensemble(_directory())


def stop_ensemble() -> None:
    """Have nothing more started: what runs is finished, then `post_ensemble` is called; what is pending stays so.

    Without effect where nothing is being executed.

    Raises:
        NotInRun: No hook is being called.
    """
    with suppress(UsageError):  # nobody drives it
        blocking(ensemble().finish)()


def submit_dir() -> str:
    """Return the directory in which the ensemble was made.

    Raises:
        NotInRun: No hook is being called.
    """
    return blocking(_submit_dir)(_directory())


async def _submit_dir(directory: str) -> str:
    async with reading(directory) as reader:
        return str((await reader.settings())["submit_dir"])


def _directory() -> str:
    directory = os.environ.get("RUNSEMBLE_ENSEMBLE_DIR")
    if not directory:
        raise NotInRun(f"user_utils is for hooks, and none is being called (in {os.getcwd()})")
    return directory
