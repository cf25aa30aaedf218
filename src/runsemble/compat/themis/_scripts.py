"""The batch script that runs an ensemble in an allocation, with how it is handed in."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runsemble.compat.themis._allocation import Allocation
from runsemble.compat.themis._managers import Manager
from runsemble.errors import RunsembleError, UsageError

#: The file in the directory of an execution into which the script's command writes.
BACKEND_LOG = "themis_backend.log"

#: What begins a line for each scheduler, and its options: name, nodes, exclusive, bank, partition, minutes.
_DIRECTIVES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "slurm": (
        "#SBATCH",
        {"name": "-J {}", "nodes": "-N {}", "": "--exclusive", "bank": "-A {}", "partition": "-p {}", "time": "-t {}"},
    ),
    "lsf": (
        "#BSUB",
        {"name": "-J {}", "nodes": "-nnodes {}", "bank": "-G {}", "partition": "-q {}", "time": "-W {}"},
    ),
    "flux": (
        "#flux:",
        {"name": "--job-name={}", "nodes": "-N {}", "bank": "--bank={}", "partition": "--queue={}", "time": "-t {}m"},
    ),
}
_FAMILY: Mapping[str, str] = {"slurm": "slurm", "lanl-slurm": "slurm", "lsf": "lsf", "flux": "flux"}


def allocation_script(manager: Manager, allocation: Allocation, directory: str, argv: Sequence[str]) -> str:
    """Return the script that runs a command in an allocation; for ``none``, one without directives.

    Args:
        manager: The resource manager.
        allocation: What to ask for; what is None is not mentioned.
        directory: Where the command starts, and where its log is.
        argv: The command.

    Raises:
        UsageError: A name holds a line end.

    Source: sbatch(1), bsub(1), flux-batch(1).
    """
    lines = ["#!/bin/bash", *_directives(manager, allocation)]
    lines += [f"cd {shlex.quote(directory)}", f"{shlex.join(argv)} >> {BACKEND_LOG} 2>&1", "wait"]
    return "\n".join(lines) + "\n"


def _directives(manager: Manager, allocation: Allocation) -> Iterable[str]:
    if manager not in _FAMILY:
        return
    begin, options = _DIRECTIVES[_FAMILY[manager]]
    given: dict[str, Any] = {
        "name": allocation.name,
        "nodes": allocation.nodes,
        "": "",
        "bank": allocation.bank,
        "partition": allocation.partition,
        "time": math.ceil(allocation.timeout) if allocation.timeout else None,
    }
    for what, option in options.items():
        if given[what] is not None:
            yield f"{begin} {option.format(_on_one_line(given[what], what))}"


def _on_one_line(value: Any, what: str) -> str:
    text = str(value)
    if not text.isprintable():
        raise UsageError(f"the {what} of an allocation stands on one line of a script, and cannot be {text!r}")
    return shlex.quote(text) if text else text


def submit_argv(manager: Manager, script: str) -> tuple[list[str], bool]:
    """Return the command that hands in a script, with whether the script is its standard input.

    Args:
        manager: The resource manager; for ``none`` the script is executed.
        script: Its path.
    """
    if manager == "lsf":
        return ["bsub"], True
    client = {"slurm": ["sbatch"], "lanl-slurm": ["sbatch"], "sbatch": ["sbatch"], "moab": ["msub"]}
    return [*client.get(manager, ["flux", "batch"] if manager == "flux" else ["/bin/bash"]), script], False


def parse_job_id(manager: Manager, output: str) -> str:
    """Return the job id that a client printed: the last word, or what stands in angle brackets for LSF.

    Raises:
        RunsembleError: There is none.
    """
    found = re.search(r"<(\d+)>", output) if manager == "lsf" else re.search(r"(\S+)\s*\Z", output)
    if found is None:
        raise RunsembleError(f"the scheduler took the script, but named no job: it said {output!r}")
    return found[1]


def under_flux(manager: Manager, flux: str, argv: Sequence[str], *, has_mpibind: bool = False) -> list[str]:
    """Return the command that starts a Flux of its own in an allocation of another manager, with a command in it."""
    unbound = ["--mpibind=off"] if has_mpibind else []
    start = {
        "slurm": ["srun", "--ntasks-per-node=1", *unbound],
        "lanl-slurm": ["srun", "--ntasks-per-node=1", *unbound],
        "lsf": ["lrun", "-T1", *unbound],
    }
    return [*start.get(manager, []), flux, "start", *argv]
