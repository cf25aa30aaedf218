"""The words that start a step through a resource manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runsemble.compat.themis._managers import Manager
from runsemble.compat.themis._runs import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What the clients of a resource manager are like."""

    has_mpibind: bool = False  #: Slurm knows the option --mpibind, which a plugin brings
    flux: str = "flux"  #: the program
    is_old_flux: bool = False  #: it knows `flux mini run` only


def launch_prefix(manager: Manager, step: Step, *, as_batch_script: bool, client: Client = Client()) -> list[str]:
    """Return the words to put before the command of a step; none where it is started directly.

    Numbers that are not above 0 are left out.

    Args:
        manager: The resource manager.
        step: What it asks for.
        as_batch_script: Whether it is a script that starts further steps by itself.
        client: What the clients are like.

    Source: srun(1), lrun, flux-run(1), flux-alloc(1).
    """
    words = _WORDING.get(manager)
    return words(step, as_batch_script, client) if words is not None else []


def _slurm(step: Step, as_batch_script: bool, client: Client) -> list[str]:
    words = ["srun", "--exclusive", *(["--mpibind=off"] if client.has_mpibind else [])]
    limit = _option("-t", step.timeout)
    return [*words, "-n1", "-c1", "-N1", *limit] if as_batch_script else [*words, *_srun_request(step), *limit]


def _lanl_slurm(step: Step, as_batch_script: bool, client: Client) -> list[str]:
    if as_batch_script:
        return []
    return ["srun", "--exclusive", "--gres=craynetwork:0", *_srun_request(step), *_option("-t", step.timeout)]


def _srun_request(step: Step) -> list[str]:
    gpus = [f"--gpus-per-task={step.gpus_per_task}"] if step.gpus_per_task > 0 else []
    return [*_option("-n", step.tasks), *_option("-c", step.cores_per_task), *gpus]


def _lsf(step: Step, as_batch_script: bool, client: Client) -> list[str]:
    return ["lrun", "--pack", *_request(step)]


def _flux(step: Step, as_batch_script: bool, client: Client) -> list[str]:
    verb = "alloc" if as_batch_script else "run"
    return [
        client.flux,
        *(["mini", verb] if client.is_old_flux else [verb]),
        *_request(step),
        *_option("-t", step.timeout, unit="m"),
    ]


def _request(step: Step) -> list[str]:
    return [*_option("-n", step.tasks), *_option("-c", step.cores_per_task), *_option("-g", step.gpus_per_task)]


def _option(name: str, value: int, unit: str = "") -> list[str]:
    return [name, f"{value}{unit}"] if value > 0 else []


_WORDING: Mapping[Manager, Callable[[Step, bool, Client], list[str]]] = {
    "slurm": _slurm,
    "lanl-slurm": _lanl_slurm,
    "lsf": _lsf,
    "flux": _flux,
}
