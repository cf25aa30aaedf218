"""What hooks can ask for: which run they are called for, and in which ensemble.

from runsemble import user_utils


def post_run():
    if user_utils.run().params["x"] > 3:
        user_utils.stop_ensemble()
"""

from __future__ import annotations

from contextlib import suppress

from runsemble.ensemble.glimpse import glimpse_run, glimpse_setting
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import UsageError
from runsemble.inrun.given import directory as _directory
from runsemble.inrun.given import run_id
from runsemble.inrun.given import submit_dir as _submit_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runsemble.ensemble.ensemble import Ensemble

__all__ = ["ensemble", "run", "run_id", "stop_ensemble", "submit_dir"]


def run() -> EnsembleRun | None:
    """Return that run as the record has it; None in `prep_ensemble` and `post_ensemble`.

    Raises:
        NotInRun: No hook is being called.
    """
    number = run_id()
    return None if number is None else glimpse_run(_directory(), number)


def ensemble() -> Ensemble:
    """Return the ensemble.

    The first time in a call takes some tenths of a second, unless the file with the hooks imports `Ensemble` itself.

    Raises:
        NotInRun: No hook is being called.
    """
    directory = _directory()
    from runsemble.ensemble.ensemble import Ensemble  # few hooks need it, and each would pay for it

    return Ensemble(directory)


def stop_ensemble() -> None:
    """Have nothing more started: what runs is finished, then `post_ensemble` is called; what is pending stays so.

    Without effect where nothing is being executed.

    Raises:
        NotInRun: No hook is being called.
    """
    this = ensemble()
    from runsemble.ensemble.sync import blocking

    with suppress(UsageError):  # nobody drives it
        blocking(this.finish)()


def submit_dir() -> str:
    """Return the directory in which the ensemble was made.

    Raises:
        NotInRun: No hook is being called.
    """
    directory = _directory()
    return _submit_dir() or str(glimpse_setting(directory, "submit_dir"))
