"""What tests of the names of Themis share: programs, interfaces, and whole scripts in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from runsemble.compat.themis import CompositeRun, Run, Step, Themis

from .support import wait_until

Status = tuple[int, ...]


def program(name: str, text: str) -> str:
    """Write a program for the shell into the current directory; return its name."""
    Path(name).write_text(f"#!/bin/sh\n{text}\n")
    os.chmod(name, 0o755)
    return name


def interface(text: str) -> str:
    """Write an application interface; return its name."""
    Path("interface.py").write_text("from runsemble.compat.themis import user_utils\n" + text)
    return "interface.py"


def shell_step(text: str, **arguments: Any) -> Step:
    """Return a step that a shell carries out."""
    return Step(["/bin/sh", "-c", text], batch_script=False, **arguments)


def shell_run(text: str, sample: dict[Any, Any] | None = None, **arguments: Any) -> CompositeRun:
    """Return a run that a shell carries out."""
    return CompositeRun(sample, [shell_step(text, **arguments)])


def made(*texts: str, **arguments: Any) -> Themis:
    """Return a new ensemble of runs that shells carry out."""
    return Themis.create(runs=[shell_run(text) for text in texts], **arguments)


def executed(*texts: str, **arguments: Any) -> Themis:
    """Return such an ensemble after its execution."""
    ensemble = made(*texts, **arguments)
    ensemble.execute_local(blocking=True)
    return ensemble


def statuses(ensemble: Themis) -> Status:
    """Return how all runs stand, in the order of their numbers."""
    return tuple(run.status for run in ensemble.runs(ensemble.filter_by_status()).values())


def numbered(*samples: dict[Any, Any], args: str | None = None) -> list[Run]:
    """Return simple runs."""
    return [Run(sample, args) for sample in samples]


def run_script(text: str, *arguments: str, name: str = "script.py") -> str:
    """Execute a script in a process of its own; return what it printed."""
    Path(name).write_text(text)
    return python(name, *arguments)


def python(*arguments: str, status: int = 0) -> str:
    """Execute Python; return what it printed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if not status else done.stderr


def driver_pid(ensemble: Themis) -> int:
    """Return the process that executes an ensemble, 0 if none does."""
    from runsemble.ensemble.ensemble import Ensemble
    from runsemble.ensemble.sync import blocking

    holder = blocking(Ensemble(ensemble._study).driver)()
    return 0 if holder is None else holder.pid


def wait_idle(ensemble: Themis) -> None:
    """Wait until nobody executes an ensemble."""
    wait_until("nobody executes the ensemble", lambda: not driver_pid(ensemble))


def logs_in(directory: str) -> dict[str, str]:
    """Return the logs in a directory by name."""
    return {path.name: path.read_text() for path in Path(directory).glob("run*.log")}
