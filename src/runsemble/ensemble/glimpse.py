"""A quick look at one run, from within it: what hooks ask for, without an event loop.

Every call of a hook is a fork, which pays for all that has been imported before: nothing is here that is not needed.
"""

from __future__ import annotations

import json

from runsemble.ensemble.view import EnsembleRun, view
from runsemble.errors import UsageError
from runsemble.store.file import glancing
from runsemble.store.records import StoredAttempt, StoredRun
from runsemble.store.sql import query


def glimpse_run(directory: str, id: int) -> EnsembleRun:  # noqa: A002
    """Return a run of the study in `directory`, absolute, as `Ensemble.run` does.

    Raises:
        UsageError: There is none with this id.
        StoreError: The record cannot be read; see `glancing`.
    """
    with glancing(directory) as db:
        rows = db.execute(query("run"), (id,)).fetchall()
        if not rows:
            raise UsageError(f"there is no run {id} in {directory}")
        run = StoredRun(*rows[0])
        ((recipe,),) = db.execute(query("recipe"), (run.recipe,))
        settings = dict(db.execute(query("settings")))
        posted = db.execute(query("result"), (id,)).fetchone()
        attempts = db.execute(query("attempts_of"), (id,)).fetchall()
    last = StoredAttempt(*attempts[-1]) if attempts else None
    keep = json.loads(settings.get("keep", '"all"'))
    return view(run, directory, json.loads(recipe)["output"], posted, last, keep)


def glimpse_setting(directory: str, name: str) -> object:
    """Return a setting of the study in `directory`.

    Raises:
        KeyError: It was never set.
        StoreError: The record cannot be read; see `glancing`.
    """
    with glancing(directory) as db:
        return json.loads(dict(db.execute(query("settings")))[name])
