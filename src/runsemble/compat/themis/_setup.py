"""The setup directory: the settings of an ensemble, in the file that marks it as one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from runsemble.compat.themis._creation import Creation
from runsemble.compat.themis._managers import Manager, check_manager
from runsemble.compat.themis._paths import RunFiles
from runsemble.workdir.decks import Engine

#: The file that marks a valid ensemble.
SPEC = "ensemble_spec.json"
#: Where the study itself is, within the setup directory.
STUDY = "ensemble"
_EXECUTION = "execution_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What an ensemble was made with."""

    application: str | None
    files: RunFiles
    run_dir_names: str
    app_interface: str | None
    app_is_batch_script: bool
    max_restarts: int
    max_failed_runs: int
    abort_on: tuple[int, ...]
    root_dir: str  #: the current directory by then
    manager: Manager
    flux: str | None
    engine: Engine

    @classmethod
    def of(cls, creation: Creation, manager: Manager, engine: Engine) -> Setup:
        """Return the settings of a new ensemble."""
        return cls(
            application=creation.application,
            files=creation.files,
            run_dir_names=creation.run_dir_names,
            app_interface=creation.app_interface,
            app_is_batch_script=creation.app_is_batch_script,
            max_restarts=creation.max_restarts,
            max_failed_runs=creation.max_failed_runs,
            abort_on=creation.abort_on,
            root_dir=os.getcwd(),
            manager="flux" if creation.flux else manager,
            flux=creation.flux,
            engine=engine,
        )

    def as_spec(self, setup_dir: str) -> dict[str, Any]:
        """Return the settings as they are written down, under the names that Themis has for them."""
        facts = asdict(self)
        files = facts.pop("files")
        return {
            **{f"run_{name}": list(paths) for name, paths in files.items()},
            "resource_mgr": facts.pop("manager"),
            "flux_path": facts.pop("flux"),
            "template_engine": facts.pop("engine"),
            "setup_dir": setup_dir,
            "version_created": list(sys.version_info[:3]),
            "database": {"type": "runsemble", "path": os.path.join(setup_dir, STUDY)},
            **facts,
            "abort_on": list(self.abort_on),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Setup:
        """Return the settings that `as_spec` wrote down."""
        names = ("application", "run_dir_names", "app_interface", "app_is_batch_script", "max_restarts", "root_dir")
        return cls(
            files=RunFiles(**{name: tuple(spec[f"run_{name}"]) for name in ("parse", "copy", "symlink")}),
            manager=check_manager(spec["resource_mgr"]),
            flux=spec["flux_path"],
            engine=spec["template_engine"],
            max_failed_runs=spec["max_failed_runs"],
            abort_on=tuple(spec["abort_on"]),
            **{name: spec[name] for name in names},
        )


def study_of(setup_dir: str) -> str:
    """Return where the study of an ensemble is."""
    return os.path.join(setup_dir, STUDY)


def setup_of(study: str) -> str:
    """Return the setup directory of a study."""
    return os.path.dirname(study)


def read_spec(setup_dir: str) -> dict[str, Any]:
    """Return what is written in the file that marks an ensemble.

    Raises:
        ValueError: There is none.
        RuntimeError: It was made by a newer Python.
    """
    try:
        with open(os.path.join(setup_dir, SPEC), encoding="utf-8") as file:
            spec: dict[str, Any] = json.load(file)
        created = tuple(spec["version_created"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"setup not found in '{setup_dir}'") from None
    if created[:1] > sys.version_info[:1]:
        text = ".".join(map(str, created))
        raise RuntimeError(f"the ensemble in '{setup_dir}' was created by Python {text}, which is newer than this one")
    return spec


def write_spec(setup_dir: str, spec: Mapping[str, Any]) -> None:
    """Write that file, whole or not at all."""
    path = os.path.join(setup_dir, SPEC)
    partial = f"{path}.{os.getpid()}.part"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(spec, file, indent=4)
    os.rename(partial, path)


def new_execution_directory(setup_dir: str) -> str:
    """Make the directory of another execution; return it."""
    number = 1 + max((_number_of(name) for name in os.listdir(setup_dir)), default=0)
    while True:
        path = os.path.join(setup_dir, f"{_EXECUTION}{number}")
        try:
            os.mkdir(path)
            return path
        except FileExistsError:
            number += 1


def remove_our_files(setup_dir: str) -> None:
    """Remove what lies beside the study, and the directory itself if nothing else is in it."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(setup_dir, SPEC))
    for name in os.listdir(setup_dir):
        if _number_of(name):
            shutil.rmtree(os.path.join(setup_dir, name), ignore_errors=True)
    with suppress(OSError):
        os.rmdir(setup_dir)


def _number_of(name: str) -> int:
    digits = name.removeprefix(_EXECUTION)
    return int(digits) if digits != name and digits.isascii() and digits.isdigit() else 0
