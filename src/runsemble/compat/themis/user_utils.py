"""What the functions of an application interface can ask for."""

from __future__ import annotations

import copy

from runsemble import user_utils as native
from runsemble.compat.themis._runs import CompositeRun
from runsemble.compat.themis._views import as_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.compat.themis._themis import Themis

__all__ = ["root_dir", "run", "run_id", "stop_ensemble", "themis_handle"]

run_id = native.run_id
stop_ensemble = native.stop_ensemble
root_dir = native.submit_dir


def run() -> CompositeRun | None:
    """Return a copy of that run, with `sample` and `steps`; None in `prep_ensemble` and `post_ensemble`."""
    stored = native.run()
    if stored is None:
        return None
    found = as_run(stored)
    return CompositeRun(copy.deepcopy(found.sample), found.steps)


def themis_handle() -> Themis:
    """Return the ensemble."""
    from runsemble.compat.themis._setup import setup_of  # few hooks need it, and each would pay for it
    from runsemble.compat.themis._themis import Themis

    return Themis(setup_of(native.ensemble().path))
