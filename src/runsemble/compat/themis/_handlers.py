"""What each sub-command of the command line does with an ensemble."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence

from runsemble.compat import themis
from runsemble.compat.themis import _requests
from runsemble.compat.themis._display import display_lines
from runsemble.compat.themis._follow import follow
from runsemble.compat.themis._progress import count_lines, progress_lines, status_line
from runsemble.compat.themis._records import STATUS_ENUMS, STATUS_WORDS, RunRecord
from runsemble.compat.themis._runs import CompositeRun


class NoSetup(ValueError):
    """There is no ensemble where one was said to be."""


def handle_create_subcommand(args: Namespace) -> None:
    """Create an ensemble of one program."""
    _create(args, lambda: _requests.simple_runs(args))


def handle_create_comp_subcommand(args: Namespace) -> None:
    """Create an ensemble whose runs have several steps."""
    _create(args, lambda: _requests.composite_runs(args))


def handle_add_subcommand(args: Namespace) -> None:
    """Add runs of the one program."""
    ensemble = _open(args)
    ensemble.add_runs(_requests.simple_runs(args))


def handle_add_composite_command(args: Namespace) -> None:
    """Add runs with several steps."""
    ensemble = _open(args)
    ensemble.add_runs(_requests.composite_runs(args))


def handle_execute_alloc_subcommand(args: Namespace) -> None:
    """Run the ensemble in an allocation."""
    job_id = _open(args).execute_alloc(**_requests.alloc_arguments(args))
    _say([f"Batch job ID is {job_id}"])


def handle_execute_local_subcommand(args: Namespace) -> None:
    """Run the ensemble on this machine."""
    _open(args).execute_local(**_requests.local_arguments(args))


def handle_dryrun_subcommand(args: Namespace) -> None:
    """Prepare the directories of runs."""
    _open(args).dry_run(*args.run_ids, verbosity=args.verbose)


def handle_progress_subcommand(args: Namespace) -> None:
    """Say how far the ensemble is."""
    ensemble = _open(args)
    if args.verbose:
        numbers = zip(STATUS_WORDS, STATUS_ENUMS, strict=True)
        _say(count_lines({word: ensemble.count_by_status(number) for word, number in numbers}))
    if args.follow:
        follow(ensemble.progress, sys.stdout, args.interval)
    else:
        _say(progress_lines(*ensemble.progress(), sys.stdout.encoding))


def handle_display_subcommand(args: Namespace) -> None:
    """Show a table of runs."""
    ensemble, shown = _open(args), _requests.shown_columns(args)
    run_ids = [run_id for run_id in ensemble.filter_by_status() if args.lowerbound <= run_id < args.upperbound]
    directories = dict(ensemble.run_dirs(nonexistent=True)) if shown.directory else {}
    records = [
        RunRecord(
            run_id=run_id,
            sample=run.sample,
            steps=run.steps,
            result=run.result,
            status=run.status,
            directory=directories.get(run_id, os.curdir),
        )
        for run_id, run in ensemble.runs(sorted(run_ids)).items()
    ]
    _say(display_lines(records, shown, os.getcwd()))


def handle_status_subcommand(args: Namespace) -> None:
    """Say which runs, or how many, have a status."""
    ensemble, numbers = _open(args), _requests.statuses(args.status_names)
    line = ensemble.count_by_status(*numbers) if args.count else status_line(ensemble.filter_by_status(*numbers))
    _say([str(line)])


def handle_write_subcommand(args: Namespace) -> None:
    """Write what is known of all runs."""
    ensemble = _open(args)
    write = {"yaml": ensemble.write_yaml, "json": ensemble.write_json, "csv": ensemble.write_csv}[args.format]
    write(sys.stdout)


def handle_kill_subcommand(args: Namespace) -> None:
    """Kill runs."""
    _open(args).dequeue_runs(args.run_ids)


def handle_requeue_subcommand(args: Namespace) -> None:
    """Let runs run again."""
    _open(args).requeue_runs(args.run_ids, hard=args.hard)


def handle_rundir_subcommand(args: Namespace) -> None:
    """Say where runs have their directories."""
    directories = [directory for _, directory in _open(args).run_dirs(nonexistent=args.nonexistent)]
    _say([json.dumps(directories)] if args.json else directories)


def handle_post_subcommand(args: Namespace) -> None:
    """Call the hook that sees runs after their end."""
    ensemble = _open(args)
    for run_id in args.run_ids or ensemble.filter_by_status():
        result = ensemble.call_post_run(run_id)
        if args.save:
            ensemble.set_result(run_id, result)
        if args.verbose:
            _say([f"Result of post_run {run_id}: {result}"])


def handle_completion_subcommand(args: Namespace) -> None:
    """Set the command that is run once all runs have ended."""
    command = _requests.command_of(args.args)
    _open(args).on_completion(command, cwd=args.cwd, stdout=args.stdout, stderr=args.stderr)


def handle_runtime_parse(args: Namespace) -> None:
    """Fill in the tokens of a file, within a run."""
    themis.runtime.parse_file(args.source, args.dest)


def handle_runtime_collect(args: Namespace) -> None:
    """Store what is in a file as the result, within a run."""
    with open(args.source, "rb") as file:
        themis.runtime.set_result(file.read())


def _create(args: Namespace, runs: Callable[[], Sequence[CompositeRun]]) -> None:
    if themis.Themis.exists(args.setup_dir) and not args.overwrite:
        _say([f"Themis setup exists in '{args.setup_dir}' and `--overwrite` flag not given, doing nothing..."])
        return
    make = themis.Themis.create_overwrite if args.overwrite else themis.Themis.create
    make(runs=runs(), **_requests.create_arguments(args))


def _open(args: Namespace) -> themis.Themis:
    try:
        return themis.Themis(args.setup_dir)
    except ValueError as error:
        raise NoSetup(f"Invalid value given for the `--setup-dir` argument: {error}") from error


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
