"""Keeps a copy of what a study is beside its record, for the day on which that cannot be read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from runsemble.ensemble.private import make_private_directory
from runsemble.workdir.layout import PRIVATE

#: The copy, in the private directory.
NAME = "recipe.json"
#: Of what is in it.
VERSION = 1


class Spare(NamedTuple):
    """What a study is, apart from its runs."""

    settings: dict[str, Any]
    recipes: dict[int, dict[str, Any]]  #: by id


def keep_spare(directory: str, settings: Mapping[str, Any], recipes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write the copy, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    path = os.path.join(make_private_directory(directory), NAME)
    text = json.dumps({"version": VERSION, "settings": settings, "recipes": recipes})
    partial = f"{path}.partial-{os.getpid()}"
    with open(partial, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.rename(partial, path)


def read_spare(directory: str) -> Spare | None:
    """Return the copy; None if there is none that can be read."""
    try:
        with open(os.path.join(directory, PRIVATE, NAME), encoding="ascii") as file:
            value = json.load(file)
        recipes = {int(number): dict(recipe) for number, recipe in value["recipes"].items()}
        return Spare(dict(value["settings"]), recipes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
