"""Calls the hooks of an ensemble in this process, as Themis does."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import Any

from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking

_log = logging.getLogger("runsemble.themis")


def call_for_run(ensemble: Ensemble, name: str, run_id: int) -> Any:
    """Call a hook of a run in the run's directory; return its value, None if there is no such hook."""
    hook = blocking(ensemble.hook)(name, run_id)
    return None if hook is None else hook.call()


def call_for_all(ensemble: Ensemble, name: str) -> None:
    """Call a hook of the ensemble in the current directory; what it raises is logged."""
    hook = blocking(ensemble.hook)(name)
    if hook is None:
        return
    try:
        replace(hook, cwd=os.getcwd()).call()
    except Exception:
        _log.exception("%s failed", name)
