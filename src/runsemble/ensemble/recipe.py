"""What is written down of a study as a whole."""

from __future__ import annotations

import random
from typing import Any

from runsemble.ensemble.identity import recipe_digest
from runsemble.errors import InputFileError
from runsemble.runners.study import Study

#: The recipe of a study that has only one.
FIRST_RECIPE = 1


def new_settings(**more: Any) -> dict[str, Any]:
    """Return the settings of a new study.

    Args:
        more: Further ones.
    """
    return {"base": random.getrandbits(20) << 32, "first_id": 0, **more}


def full_recipe(study: Study) -> dict[str, Any]:
    """Return what is written down of a study; reads its inputs.

    Raises:
        InputFileError: One cannot be read.
    """
    recipe = study.as_recipe()
    try:
        return {**recipe, "digest": recipe_digest(recipe, study.staged, study.output_path)}
    except OSError as error:
        raise InputFileError(f"input file {error.filename} cannot be read: {error.strerror}") from error
