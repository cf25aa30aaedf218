"""Finds the hooks in a user's Python file without running it."""

from __future__ import annotations

import ast
import os
from typing import Any

from runsemble.errors import CommandError

#: Hooks of runs, and of the whole study.
OF_RUNS = ("prep_run", "post_run")
OF_STUDIES = ("prep_ensemble", "post_ensemble")


def hooks_path(path: str | os.PathLike[str], submit_dir: str) -> str:
    """Return the absolute path of a file with hooks."""
    return os.path.normpath(os.path.join(submit_dir, os.fspath(path)))


def find_hooks(path: str | os.PathLike[str], submit_dir: str) -> dict[str, dict[str, Any]]:
    """Return what agents load for each hook that a file defines, by name.

    Args:
        path: The file.
        submit_dir: From where it is seen.

    Raises:
        CommandError: It cannot be read, or is no Python.
    """
    full = hooks_path(path, submit_dir)
    try:
        with open(full, "rb") as file:
            tree = ast.parse(file.read(), full)
    except OSError as error:
        raise CommandError(f"the hooks in {full} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError) as error:
        raise CommandError(f"the hooks in {full} are no Python: {error}") from error
    names = _names_in(tree)
    return {name: {"kind": "hook", "path": full, "name": name} for name in (*OF_RUNS, *OF_STUDIES) if name in names}


def _names_in(tree: ast.Module) -> set[str]:
    """Return every name that a module may bind at its top, however it comes by it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
            if any(alias.name == "*" for alias in node.names):
                names |= {*OF_RUNS, *OF_STUDIES}
    return names
