"""Loads the file with a user's hooks."""

from __future__ import annotations

import os
from types import ModuleType

from runsemble.inrun.calls import load_interface


def import_app_interface(app_interface_path: str | os.PathLike[str] | None) -> ModuleType | None:
    """Return the module in a file, newly executed, named ``app_interface_`` and the file's name; None for None.

    The module is not entered in `sys.modules`.

    Raises:
        FileNotFoundError: There is no such file.
        Exception: What the file itself raises.
    """
    if app_interface_path is None:
        return None
    module: ModuleType = load_interface(os.path.abspath(app_interface_path))
    return module


def check_app_interface(app_interface_path: str | os.PathLike[str] | None) -> str | None:
    """Return the absolute path of a file with hooks that can be loaded; loading it executes it.

    Raises:
        ImportError: It imports what cannot be imported.
        FileNotFoundError: There is no such file.
        Exception: What the file itself raises.
    """
    try:
        import_app_interface(app_interface_path)
    except ImportError as error:
        raise ImportError(f"Couldn't import the application interface: {error}") from error
    return None if app_interface_path is None else os.path.abspath(app_interface_path)
