"""Tells which resource manager a machine has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Manager = Literal["none", "slurm", "lanl-slurm", "lsf", "flux", "moab", "sbatch"]

#: Those that can hold an ensemble.
FOR_ENSEMBLES: tuple[Manager, ...] = ("none", "slurm", "lanl-slurm", "lsf", "flux")
#: Those that single batch scripts can be given to.
FOR_BATCH_SCRIPTS: tuple[Manager, ...] = ("slurm", "moab", "lsf", "sbatch", "none")

#: The environment variable that says which it is, whatever is installed.
MANAGER_ENV_VAR = "RUNSEMBLE_THEMIS_MANAGER"
_CRAY = "/opt/cray"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What there is to see of a machine."""

    platform: str  #: as `sys.platform` has it
    environ: Mapping[str, str]
    which: Callable[[str], str | None]  #: where a program is
    exists: Callable[[str], bool]  #: whether there is a path
    flux_answers: Callable[[], bool]  #: whether `flux resource list` succeeds; asked only where the program is there


def detect_manager(
    around: Surroundings, forced: str | None = None, allowed: Collection[str] = FOR_ENSEMBLES
) -> Manager:
    """Return the resource manager of a machine: ``none``, which means this machine itself, where there is no other.

    Args:
        around: What there is to see.
        forced: The one to take, whatever there is; the environment variable RUNSEMBLE_THEMIS_MANAGER when None.
        allowed: Those that may be forced.

    Raises:
        ValueError: The one to take is not among them.
    """
    chosen = forced if forced is not None else around.environ.get(MANAGER_ENV_VAR) or None
    if chosen is not None:
        return check_manager(chosen, allowed)
    for manager, is_there in _SIGNS:
        if is_there(around):
            return manager
    return "none"


def check_manager(name: str, allowed: Collection[str] = FOR_ENSEMBLES) -> Manager:
    """Return the name of a resource manager.

    Raises:
        ValueError: It is none, or not among those allowed.
    """
    for manager in (*FOR_ENSEMBLES, *FOR_BATCH_SCRIPTS):
        if manager == name and name in allowed:
            return manager
    raise ValueError(f"No resource manager recognized by '{name}'")


def _is_laptop(around: Surroundings) -> bool:
    return around.platform in ("darwin", "win32", "cygwin") and not around.environ.get("SYS_TYPE")


def _has_slurm(around: Surroundings) -> bool:
    return _is_system(around, "toss") or _has_all(around, "srun", "sbatch")


def _is_cray(around: Surroundings) -> bool:
    return _has_slurm(around) and around.exists(_CRAY)


def _has_lsf(around: Surroundings) -> bool:
    return _is_system(around, "blueos") or _has_all(around, "bsub", "jsrun")


def _has_flux(around: Surroundings) -> bool:
    return bool(around.environ.get("FLUX_URI")) or (around.which("flux") is not None and around.flux_answers())


def _is_system(around: Surroundings, prefix: str) -> bool:
    return around.environ.get("SYS_TYPE", "").startswith(prefix)


def _has_all(around: Surroundings, *programs: str) -> bool:
    return all(around.which(program) is not None for program in programs)


#: What tells of each, in the order of the questions.
_SIGNS: tuple[tuple[Manager, Callable[[Surroundings], bool]], ...] = (
    ("none", _is_laptop),
    ("lanl-slurm", _is_cray),
    ("slurm", _has_slurm),
    ("lsf", _has_lsf),
    ("flux", _has_flux),
)
