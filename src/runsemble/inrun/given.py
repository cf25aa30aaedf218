"""What a hook may know without a look into the record: which run it is called for, and what that was given.

A hook is called in a fork, which pays for every module that has been imported before, and for every file that it opens.
"""

from __future__ import annotations

import marshal
import os

from runsemble.errors import NotInRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_told: bytes | None = None


def pack(params: dict[str, Any], memo: Any) -> bytes:
    """Return what `note` takes, for a run with these parameters and this memo (see `RunSpec`), of JSON's types."""
    return marshal.dumps((params, memo))


def note(told: bytes | None) -> None:
    """Take note of what the run was given for which a hook is about to be called in this process."""
    global _told
    _told = told


def params_and_memo() -> tuple[dict[str, Any], Any] | None:
    """Return the parameters and the memo of this hook's run, the caller's own; None: nobody has told."""
    return None if _told is None else marshal.loads(_told)


def submit_dir() -> str | None:
    """Return the directory in which the ensemble of this hook's run was made; None: nobody has told."""
    return os.environ.get("RUNSEMBLE_SUBMIT_DIR")


def run_id() -> int | None:
    """Return the id of the run that the hook is called for; None in `prep_ensemble` and `post_ensemble`.

    Raises:
        NotInRun: No hook is being called.
    """
    directory()
    text = os.environ.get("RUNSEMBLE_RUN_ID")
    return int(text) if text else None


def directory() -> str:
    """Return the directory of the ensemble, absolute.

    Raises:
        NotInRun: No hook is being called.
    """
    found = os.environ.get("RUNSEMBLE_ENSEMBLE_DIR")
    if not found:
        raise NotInRun(f"user_utils is for hooks, and none is being called (in {os.getcwd()})")
    return found
