"""The environment of a run, as far as it is known before the run starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from runsemble.agent.inventory import VISIBLE_DEVICES
from runsemble.model.resources import Grant

#: Variables by which thread pools learn how many threads to start.
_THREADS = ("OMP_NUM_THREADS",)


def base_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that every run starts from.

    It is the caller's, without what an enclosing run left in it. PATH begins with the interpreter's virtual
    environment, if it is one, so that ``python`` and ``runsemble`` mean the same inside a run as outside.
    """
    env = {name: value for name, value in environ.items() if not name.startswith("RUNSEMBLE_")}
    if sys.prefix != sys.base_prefix:
        programs = os.path.join(sys.prefix, "bin")
        path = env.get("PATH", os.defpath)
        if path.split(os.pathsep)[0] != programs:
            env["PATH"] = programs + os.pathsep + path
    return env


def mpi_environment() -> dict[str, str]:
    """Return what keeps the launchers of MPI from binding processes to cores of their own choice.

    A run is confined to its grant already. Two launchers that each bind from core 0 on would share those cores.

    Source: Open MPI 4 (``orte``) and 5 (``prte``): MCA parameters from the environment; Intel MPI: ``I_MPI_PIN``.
    MPICH does not bind unless told to.
    """
    return {
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "I_MPI_PIN": "0",
    }


def grant_environment(grant: Grant, tasks: int, gpu_vendor: str) -> dict[str, str]:
    """Return what a run sees of its grant.

    Args:
        grant: What it was given.
        tasks: Processes that share it.
        gpu_vendor: "nvidia", "amd", or "" where unknown.
    """
    shape = grant.shape
    env = {"RUNSEMBLE_CORES": ",".join(map(str, grant.cores)) if grant.cores else str(shape.cores)}
    if grant.cores:
        for name in _THREADS:
            env[name] = str(max(1, shape.cores // tasks))
    gpus = ",".join(grant.gpus)
    env["RUNSEMBLE_GPUS"] = gpus
    if gpu_vendor:
        env[VISIBLE_DEVICES[gpu_vendor]] = gpus
    return env
