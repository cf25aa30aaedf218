"""Translates what was typed into the arguments of `Themis`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from runsemble.compat.themis._display import Shown
from runsemble.compat.themis._records import translate_enum
from runsemble.compat.themis._runs import CompositeRun, Run
from runsemble.compat.themis._tables import read_csv, runs_from_rows, steps_from_csv, varied_runs
from runsemble.errors import UsageError


def simple_runs(args: Namespace) -> list[Run]:
    """Return the runs of a parameter file; none where none is given.

    Raises:
        OSError: It cannot be read.
        UsageError: It is no table.
    """
    if args.parameterfile is None:
        return []
    rest = {
        "args": args.args,
        "tasks": args.ntasks,
        "cores_per_task": args.cores_per_task,
        "gpus_per_task": args.gpus_per_task,
    }
    make = varied_runs if args.vary_all else runs_from_rows
    return list(make(read_csv(args.parameterfile), **rest))


def composite_runs(args: Namespace) -> list[CompositeRun]:
    """Return the runs of a parameter file, all with the steps of a step file.

    Raises:
        OSError: One of them cannot be read.
        UsageError: One of them is no table, or has a step that is none.
    """
    steps = steps_from_csv(args.stepfile)
    return [CompositeRun(row, steps) for row in read_csv(args.parameterfile)]


def create_arguments(args: Namespace) -> dict[str, Any]:
    """Return the arguments of `Themis.create`, but for the runs."""
    arguments = {
        "run_parse": args.run_parse,
        "run_copy": args.run_copy,
        "run_symlink": args.run_symlink,
        "run_dir_names": args.run_dir_names,
        "app_interface": args.interface,
        "setup_dir": args.setup_dir,
        "max_restarts": args.max_restarts,
        "max_failed_runs": args.max_failed_runs,
        "use_flux": args.flux,
        "abort_on": args.abort_on,
    }
    if "application" in args:
        arguments |= {"application": args.application, "app_is_batch_script": not args.no_batch_script}
    return arguments


def local_arguments(args: Namespace) -> dict[str, Any]:
    """Return the arguments of `execute_local`."""
    return {"blocking": args.block, "timeout": args.timeout, **_execution_arguments(args)}


def alloc_arguments(args: Namespace) -> dict[str, Any]:
    """Return the arguments of `execute_alloc`."""
    names = ("nodes", "partition", "bank", "name", "timeout", "repeats", "early_stop")
    return {**{name: getattr(args, name) for name in names}, **_execution_arguments(args)}


def _execution_arguments(args: Namespace) -> dict[str, Any]:
    return {
        "parallelism": args.parallel,
        "allow_multiple": args.allow_multiple,
        "max_concurrency": args.max_concurrency,
    }


def shown_columns(args: Namespace) -> Shown:
    """Return what `display` shows."""
    shown = Shown(
        args=args.arguments,
        result=args.result,
        sample=args.sample,
        directory=args.directory,
        resources=args.resources,
        sample_columns=args.colcount,
    )
    return Shown.everything(args.all, shown) if args.all else shown


def statuses(words: Sequence[str]) -> list[int]:
    """Return the numbers of statuses."""
    return [translate_enum(word) for word in words]


def command_of(words: Sequence[str]) -> list[str]:
    """Return a command without the ``--`` that may stand before it.

    Raises:
        UsageError: There is nothing else.
    """
    command = list(words[1:] if words[:1] == ["--"] else words)
    if not command:
        raise UsageError("there is no command: give the program and its arguments after the options, as in `-- ls -l`")
    return command
