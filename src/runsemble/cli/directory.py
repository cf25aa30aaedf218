"""The directory of a study, as a command is given it."""

from __future__ import annotations

import os
import shlex
from typing import Any

import click
from click.shell_completion import CompletionItem

from runsemble.errors import UsageError
from runsemble.store.file import FILE_NAME, store_path
from runsemble.workdir.layout import current_directory


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def absolute(directory: str) -> str:
    """Return the absolute path of a directory that was named on the command line."""
    return os.path.normpath(os.path.join(current_directory(), directory))


def _find(context: click.Context, parameter: click.Parameter, directory: Any) -> Any:
    """Refuse a directory without a study."""
    if directory is None or context.resilient_parsing:
        return directory
    path = absolute(directory)
    if os.path.isfile(store_path(path)):
        return path
    if not os.path.lexists(path):
        raise UsageError(f"there is no directory {directory}")
    if os.path.basename(path) == FILE_NAME:
        raise UsageError(f"{directory} is the record of a study: name its directory, {os.path.dirname(path)}")
    inside = f"; but there is one in {shlex.quote(os.path.dirname(path))}" if _is_in_study(path) else ""
    raise UsageError(f"there is no study in {directory}: it has no file {FILE_NAME}{inside}")


def _is_in_study(path: str) -> bool:
    return os.path.isfile(store_path(os.path.dirname(path)))


#: A directory with a study in it, which the command gets as an absolute path.
DIRECTORY = click.argument("directory", metavar="DIR", shell_complete=_complete, callback=_find)
#: The directory of a study to be made.
NEW_DIRECTORY = click.argument("directory", metavar="DIR", shell_complete=_complete)


def typed(directory: str) -> str:
    """Return a directory as somebody would type it here, to be shown in the command to give next."""
    relative = os.path.relpath(directory)
    return shlex.quote(relative if len(relative) < len(directory) else directory)
