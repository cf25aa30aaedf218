"""What the functions of an application interface can ask for.

They are called in forks, which pay for all that was imported before; so that is done here by those who need it.
"""

from __future__ import annotations

from runsemble.compat.themis._runs import CompositeRun, GivenRun
from runsemble.inrun import given
from runsemble.inrun.given import run_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.compat.themis._themis import Themis

__all__ = ["root_dir", "run", "run_id", "stop_ensemble", "themis_handle"]


def run() -> CompositeRun | None:
    """Return a copy of that run, with `sample` and `steps`; None in `prep_ensemble` and `post_ensemble`."""
    told = given.params_and_memo()
    if told is not None:
        return GivenRun(*told)
    from runsemble import user_utils as native

    stored = native.run()
    return None if stored is None else GivenRun(stored.params, stored.memo)


def root_dir() -> str:
    """Return the directory in which the ensemble was made."""
    told = given.submit_dir()
    if told is not None:
        return told
    from runsemble import user_utils as native

    return native.submit_dir()


def stop_ensemble() -> None:
    """Have nothing more started: what runs is finished, then `post_ensemble` is called; what is pending stays so."""
    from runsemble import user_utils as native

    native.stop_ensemble()


def themis_handle() -> Themis:
    """Return the ensemble."""
    from runsemble import user_utils as native
    from runsemble.compat.themis._setup import setup_of
    from runsemble.compat.themis._themis import Themis

    return Themis(setup_of(native.ensemble().path))
