"""``runsemble run --dry-run``: what would run."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, TextIO, cast

from runsemble import codec
from runsemble.cli import exits
from runsemble.cli.as_json import PLAN_SCHEMA, write_value
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.printing import write_as_is
from runsemble.cli.say import say
from runsemble.cli.sources import Workload
from runsemble.errors import RequestError
from runsemble.launch.placeholders import ShellText
from runsemble.model.resources import count_of
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.options import StudyOptions
from runsemble.runners.study import PreparedRun, Study
from runsemble.sched.pool import Pool
from runsemble.workdir.layout import current_directory

#: Characters of a plan that are held in memory; a longer one goes through a file.
_SPOOLED = 2**24


def print_plan(workload: Workload, options: StudyOptions, *, jobs: int | None, as_json: bool) -> int:
    """Print every run's directory and command, after all the checks that a study begins with; run nothing.

    Raises:
        UsageError: What a study would raise.
    """
    study = Study(options, current_directory())
    pool = Pool([asyncio.run(ParallelLocalRunner(max_parallel=jobs).find_inventory(options.request))])
    problem = pool.why_never(options.request.shape)
    if problem:
        raise RequestError(problem)
    study.refuse_existing_output()
    runs = (study.prepare(index, params) for index, params in enumerate(workload.sets))
    first = next(runs, None)
    if first is None:
        return say_nothing_to_run()
    at_once = pool.capacity(options.request.shape)
    every = itertools.chain([first], runs)
    if as_json:
        head = {
            "schema": PLAN_SCHEMA,
            "command": list(workload.cmd),
            "output_path": study.output_path,
            "count": workload.count,
            "at_once": at_once,
        }
        return _print_json(head, map(_run_text, every))
    return _print_lines(study, every, options, at_once)


def _print_json(head: dict[str, Any], runs: Iterator[str]) -> int:
    """Print the plan once it is whole: a run that cannot be must not leave half of it."""
    with tempfile.SpooledTemporaryFile(_SPOOLED, "w+", encoding="ascii") as whole:
        write_value(cast(TextIO, whole), head, "runs", runs)
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout)
    return exits.OK


def _print_lines(study: Study, runs: Iterator[PreparedRun], options: StudyOptions, at_once: int) -> int:
    is_shell = isinstance(options.cmd[-1], ShellText) and options.request.tasks == 1
    above = os.path.join(study.submit_dir, "")
    count = 0
    for run in runs:
        count += 1
        words = run.argv[-1] if is_shell else shlex.join(run.argv)
        place = run.directory
        place = place.removeprefix(above) if place.startswith(above) else os.path.relpath(place, study.submit_dir)
        write_as_is(f"{place}: {words}\n")
    sys.stdout.flush()
    needs = str(options.request.shape)
    say(f"{count_of(count, 'run')} would start, {at_once} at a time, with {needs} each; nothing was run")
    return exits.OK


def _run_text(run: PreparedRun) -> str:
    facts = {"id": run.id, "run_dir": run.directory, "argv": run.argv, "env": run.env}
    facts["files"] = [name for name, _, _ in run.files or ()]
    return f'{json.dumps(facts)[:-1]}, "params": {codec.encode(codec.decode(run.params_text))}}}'
