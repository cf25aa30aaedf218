"""Calls the hooks of an ensemble in this process."""

from __future__ import annotations

import logging
import os
from typing import Any

from runsemble.compat.themis._context import Place, at
from runsemble.compat.themis._interface import import_app_interface

_log = logging.getLogger("runsemble.themis")


class Hooks:
    """The functions of an application interface, which is loaded when the first of them is called.

    Args:
        path: The file; None: there are none.
        setup_dir: The ensemble's.
    """

    def __init__(self, path: str | None, setup_dir: str) -> None:
        self._path = path
        self._setup_dir = setup_dir
        self._module: Any = None

    def call_for_run(self, name: str, run_id: int, run_dir: str) -> Any:
        """Call a hook of a run in the run's directory; return its value, None if there is no such hook."""
        function = self._find(name)
        if function is None:
            return None
        os.makedirs(run_dir, exist_ok=True)
        with at(Place(self._setup_dir, run_id), run_dir):
            return function()

    def call_for_all(self, name: str) -> None:
        """Call a hook of the ensemble; what it raises is logged."""
        try:
            with at(Place(self._setup_dir, None)):
                function = self._find(name)
                if function is not None:
                    function()
        except Exception:
            _log.exception("%s failed", name)

    def _find(self, name: str) -> Any:
        if self._module is None:
            self._module = import_app_interface(self._path)
        return getattr(self._module, name, None)
