"""The arguments of `Themis.create`, checked as a whole before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from runsemble.compat.themis._checks import check_abort_on, check_limit
from runsemble.compat.themis._formats import DEFAULT_RUN_DIR_NAMES
from runsemble.compat.themis._interface import check_app_interface
from runsemble.compat.themis._paths import Patterns, RunFiles, run_files, validate_application, which
from runsemble.compat.themis._runs import CompositeRun, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """What `Themis.create` was asked for, with absolute paths."""

    application: str | None
    files: RunFiles
    run_dir_names: str  #: an absolute format string
    app_interface: str | None
    max_restarts: int  #: -1 for any number
    max_failed_runs: int  #: -1 for any number
    app_is_batch_script: bool
    flux: str | None  #: the program, where Flux was asked for
    abort_on: tuple[int, ...]


def check_creation(
    *,
    application: str | os.PathLike[str] | None = None,
    run_parse: Patterns = None,
    run_copy: Patterns = None,
    run_symlink: Patterns = None,
    run_dir_names: str | None = None,
    app_interface: str | os.PathLike[str] | None = None,
    max_restarts: int | None = 0,
    max_failed_runs: int | None = None,
    app_is_batch_script: bool = True,
    use_flux: bool | str | None = False,
    abort_on: Iterable[int] | None = None,
) -> Creation:
    """Return the arguments of `Themis.create` as they will be stored; the file with the hooks is executed.

    Raises:
        ValueError: A program, a file, a limit, or an exit code is none.
        TypeError: A pattern is none.
        ImportError: See `check_app_interface`, also for what the user's file raises.
        RuntimeError: Flux is asked for, and not there.
    """
    interface = check_app_interface(app_interface)
    names = os.path.abspath(DEFAULT_RUN_DIR_NAMES if run_dir_names is None else run_dir_names)
    flux = find_flux(use_flux)
    files = run_files(run_parse, run_copy, run_symlink)
    program = application_path(application)
    return Creation(
        application=program,
        files=without_application(files, program) if app_is_batch_script else files,
        run_dir_names=names,
        app_interface=interface,
        max_restarts=check_limit(max_restarts, "max_restarts"),
        max_failed_runs=check_limit(max_failed_runs, "max_failed_runs"),
        app_is_batch_script=bool(app_is_batch_script),
        flux=flux,
        abort_on=check_abort_on(abort_on),
    )


def application_path(application: str | os.PathLike[str] | None) -> str | None:
    """Return the absolute path of a program; None if none is given.

    Raises:
        ValueError: See `validate_application`.
    """
    return validate_application(application) if application else None


def without_application(files: RunFiles, application: str | None) -> RunFiles:
    """Return what every run gets, when its batch script is put in its directory anyway."""
    links = tuple(path for path in files.symlink if path != application)
    return RunFiles(parse=files.parse, copy=files.copy, symlink=links)


def find_flux(use_flux: Any, which: Callable[[str], str | None] = which) -> str | None:
    """Return the Flux program that is asked for; None if none is.

    Args:
        use_flux: Whether to use Flux, or the path of its program.
        which: What tells where a program is.

    Raises:
        ValueError: There is no such path.
        RuntimeError: Flux is not on PATH.
    """
    if not use_flux:
        return None
    if isinstance(use_flux, str | os.PathLike):
        found = which(os.fspath(use_flux))
        if found is None:
            raise ValueError(f"Can't find Flux installation at user-specified path '{os.fspath(use_flux)}'")
        return os.path.abspath(found)
    found = which("flux")
    if found is None:
        raise RuntimeError("Cannot find Flux installation")
    return os.path.abspath(found)


def give_application(runs: Iterable[Any], application: str | None, is_batch_script: bool) -> list[CompositeRun]:
    """Return runs as a list, in which every `Run` has been told its program.

    The user's own objects are changed. Their steps are looked at, so that a bad one is found before any is stored.

    Raises:
        TypeError: A run is none, or there is no program for it, or a number of it is none.
        ValueError: A number of it is a text that is none.
    """
    several = list(runs)
    for at, run in enumerate(several):
        if not isinstance(run, CompositeRun):
            raise TypeError(f"runs[{at}] is no Run or CompositeRun, but {run!r}")
        if isinstance(run, Run):
            run.application, run.app_is_batch_script = application, is_batch_script
            _ = run.steps
    return several
