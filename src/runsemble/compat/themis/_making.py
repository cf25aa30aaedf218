"""Makes an ensemble: everything is checked before anything is written, and nothing stays of one that cannot be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from runsemble.compat.themis._creation import check_creation, give_application
from runsemble.compat.themis._formats import unique_run_dirs
from runsemble.compat.themis._managers import detect_manager
from runsemble.compat.themis._native import as_spec, params_of
from runsemble.compat.themis._runs import CompositeRun
from runsemble.compat.themis._setup import Setup, remove_our_files, study_of, write_spec
from runsemble.compat.themis._surroundings import look_around
from runsemble.compat.themis._variables import RUNID_ENV_VAR
from runsemble.ensemble import creation
from runsemble.ensemble.creation import RunSpec
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.sync import blocking
from runsemble.errors import LeaseError
from runsemble.model.files import FileResource
from runsemble.runners.options import StudyOptions
from runsemble.sched.retry import RetryPolicy
from runsemble.workdir.decks import DeckFile, default_engine

#: Number of the first run of an ensemble.
FIRST_ID = 1


class EnsembleExistsError(ValueError):
    """There is an ensemble already."""


def make_ensemble(setup_dir: str, runs: Iterable[Any] | None, *, replaces: bool = False, **arguments: Any) -> None:
    """Make an ensemble.

    Args:
        setup_dir: Its directory, absolute.
        runs: Its first runs.
        replaces: Remove the one that is there.
        arguments: See `check_creation`.

    Raises:
        ValueError, TypeError, ImportError, RuntimeError: An argument makes no sense; nothing was changed.
    """
    setup = Setup.of(check_creation(**arguments), detect_manager(look_around()), default_engine())
    several = give_application(runs or (), setup.application, setup.app_is_batch_script)
    check_directories(FIRST_ID, several, setup.run_dir_names)
    specs = [as_spec(run) for run in several]
    if replaces:
        clear_ensemble(setup_dir)
    is_new = not os.path.isdir(setup_dir)
    os.makedirs(setup_dir, exist_ok=True)
    try:
        _discard_half_made(setup_dir)
        blocking(creation.create)(_options(setup_dir, setup), specs, FIRST_ID)
        write_spec(setup_dir, setup.as_spec(setup_dir))
    except BaseException:
        shutil.rmtree(study_of(setup_dir), ignore_errors=True)
        if is_new:
            shutil.rmtree(setup_dir, ignore_errors=True)
        raise


def clear_ensemble(setup_dir: str) -> None:
    """Remove an ensemble with everything of ours, but for run directories; without effect where there is none.

    Raises:
        RuntimeError: It is being executed.
    """
    if not os.path.isdir(setup_dir):
        return
    try:
        blocking(Ensemble.clear)(study_of(setup_dir))
    except LeaseError as error:
        raise RuntimeError(
            f"the ensemble in '{setup_dir}' is being executed, so it cannot be removed: {error}"
        ) from error
    remove_our_files(setup_dir)


def check_directories(first_id: int, runs: Sequence[CompositeRun], run_dir_names: str) -> list[str]:
    """Return the directories of new runs.

    Raises:
        ValueError: Two would share one, or a sample lacks a name.
    """
    samples = ((first_id + at, params_of(run.sample)[0]) for at, run in enumerate(runs))
    return [directory for _, directory in unique_run_dirs(samples, run_dir_names)]


def as_specs(runs: Iterable[Any], setup: Setup) -> tuple[list[CompositeRun], list[RunSpec]]:
    """Return further runs of an ensemble, as they were given and as they are stored."""
    several = give_application(runs, setup.application, setup.app_is_batch_script)
    return several, [as_spec(run) for run in several]


def _discard_half_made(setup_dir: str) -> None:
    """Remove what is left of a study whose maker died before it was an ensemble."""
    study = study_of(setup_dir)
    if os.path.isdir(study):
        blocking(Ensemble.clear)(study)
        shutil.rmtree(study, ignore_errors=True)


def _options(setup_dir: str, setup: Setup) -> StudyOptions:
    files = setup.files
    links = [FileResource(path, "link") for path in files.symlink]
    copies = [FileResource(path, "copy") for path in files.copy]
    unlimited = -1
    return StudyOptions(
        cmd=["true"],
        is_bare=True,
        output_path=study_of(setup_dir),
        input_files=[*links, *copies],
        decks=[DeckFile(path, setup.engine) for path in files.parse],
        retry=RetryPolicy(
            retries=None if setup.max_restarts == unlimited else setup.max_restarts,
            abort_on=frozenset(setup.abort_on),
            time_factor=1.0,
            tempfail_s=0.0,
        ),
        max_failures=None if setup.max_failed_runs == unlimited else setup.max_failed_runs,
        counts_former=True,
        run_dir=setup.run_dir_names,
        directory="refill",
        output="log",
        hooks=setup.app_interface,
        hook_timeout_s=None,
        is_literal=True,
        is_tidy=True,
        has_format=True,
        deck_engine=setup.engine,
        id_variable=RUNID_ENV_VAR,
    )
