"""The helpers of `themis.utils`, which scripts use now and then."""

from __future__ import annotations

from runsemble.compat.themis._checks import convert_none, range_check, type_check
from runsemble.compat.themis._directories import (
    CleanDirectory,
    DirectoryManager,
    clean_directory_decorator,
    timeout_decorator,
)
from runsemble.compat.themis._formats import DEFAULT_RUN_DIR_NAMES, get_run_dir, validate_samples
from runsemble.compat.themis._interface import import_app_interface
from runsemble.compat.themis._paths import existing_file, sequence_of_path_patterns, validate_application, which
from runsemble.compat.themis._runs import AugmentedRun, CompositeRun, Run, Step
from runsemble.compat.themis._tables import read_csv
from runsemble.compat.themis._variables import EXECDIR_ENV_VAR, RUNID_ENV_VAR, SETUPDIR_ENV_VAR, URI_ENV_VAR

DEFAULT_SETUP_DIR = "./.themis_setup"

__all__ = [
    "DEFAULT_RUN_DIR_NAMES",
    "DEFAULT_SETUP_DIR",
    "EXECDIR_ENV_VAR",
    "RUNID_ENV_VAR",
    "SETUPDIR_ENV_VAR",
    "URI_ENV_VAR",
    "AugmentedRun",
    "CleanDirectory",
    "CompositeRun",
    "DirectoryManager",
    "Run",
    "Step",
    "clean_directory_decorator",
    "convert_none",
    "existing_file",
    "get_run_dir",
    "import_app_interface",
    "range_check",
    "read_csv",
    "sequence_of_path_patterns",
    "timeout_decorator",
    "type_check",
    "validate_application",
    "validate_samples",
    "which",
]
