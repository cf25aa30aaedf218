"""Carries a study of the command line out, and reports what came of it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from typing import Any

import click

from runsemble.cli import exits
from runsemble.cli.app import complain, stop_writing
from runsemble.cli.ending import Ending, terminate, wants_bar
from runsemble.cli.notes import note_remarks
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.printing import Printer
from runsemble.cli.say import say
from runsemble.cli.sources import Crossed, Workload
from runsemble.display.words import end_line
from runsemble.ensemble.multirun import run_study
from runsemble.ensemble.sync import blocking
from runsemble.errors import AgentError, FeedError, RunsFailed, UsageError
from runsemble.model import events
from runsemble.runners.local import ParallelLocalRunner
from runsemble.runners.options import StudyOptions
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.progress import Showing


def run_workload(workload: Workload, study: StudyOptions, options: dict[str, Any]) -> int:
    """Run every parameter set and say what came of it; return the exit status."""
    began = time.monotonic()
    started = time.time()
    ending = _carry_out(workload, study, options)
    result = ending.result
    if not options["quiet"] and isinstance(workload.sets, Crossed):
        note_remarks(workload)
    if ending.problem:
        complain(ending.problem, "run", 0)
    if result is not None and result.is_untouched:  # nothing is in its directory
        shutil.rmtree(result.output_path, ignore_errors=True)
        return say_nothing_to_run() if ending.status is None and not len(result) else ending.exit_status
    if result is not None:
        try:
            _report(ending, result, options, workload.cmd, started, time.monotonic() - began)
            sys.stdout.flush()
        except BrokenPipeError:
            stop_writing(0)
    return ending.exit_status


def _carry_out(workload: Workload, study: StudyOptions, options: dict[str, Any]) -> Ending[MultirunResult]:
    ending = Ending[MultirunResult]()
    runner = ParallelLocalRunner(max_parallel=options["jobs"])
    runner.bus.listen(lambda event: ending.broken.append(str(event)), events.Aborted)
    sets = workload.sets.aside() if isinstance(workload.sets, Crossed) else workload.sets
    showing = _showing(options)
    printer = Printer(sys.stdout.buffer) if options["prints"] else None

    async def carry_out() -> MultirunResult:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate, ending)
        on_end = None if printer is None else printer.add
        return await run_study(sets, study, runner, showing, on_end)

    try:
        ending.result = blocking(carry_out)()
    except KeyboardInterrupt as interrupt:
        ending.result, ending.status = getattr(interrupt, "result", None), ending.status or exits.INTERRUPTED
    except UsageError as error:
        ending.result, ending.problem, ending.status = getattr(error, "result", None), str(error), exits.USAGE
    except (AgentError, FeedError) as error:
        ending.result, ending.problem, ending.status = getattr(error, "result", None), str(error), exits.INFRASTRUCTURE
    finally:
        if printer is not None:
            printer.close()
            if printer.problem:
                ending.problem = ending.problem or f"the output of runs cannot be printed: {printer.problem}"
                ending.status = ending.status or exits.INFRASTRUCTURE
    return ending


def _showing(options: dict[str, Any]) -> Showing:
    shows_bar = wants_bar(options) and not _prints_beside_bar(options)
    return Showing(shows_bar, options["shows_eta"], says_end=options["as_json"] or options["prints"])


def _prints_beside_bar(options: dict[str, Any]) -> bool:
    """Tell whether the output of runs goes to a terminal, as a bar would: it would begin on the bar's line."""
    return options["prints"] and sys.stdout.isatty() and sys.stderr.isatty()


def _report(
    ending: Ending[MultirunResult],
    result: MultirunResult,
    options: dict[str, Any],
    cmd: list[str],
    started: float,
    wall_s: float,
) -> None:
    if options["as_json"]:
        from runsemble.cli.as_json import write_results

        write_results(sys.stdout, result, cmd=cmd, started=started, wall_s=wall_s, exit_status=ending.exit_status)
    elif options["quiet"] or options["prints"]:
        if wants_bar(options) and _prints_beside_bar(options):
            say(end_line(result.statistics, wall_s))
        if ending.exit_status:  # a search that has found what it looked for leaves runs behind
            _name_failures(result)
    else:
        from runsemble.cli.summary import print_summary

        print_summary(sys.stdout, result, wall_s)
    if options["plots"]:
        from runsemble.display.plot import plot

        for x, y in options["plots"]:
            show = say if options["as_json"] or options["prints"] else click.echo
            try:
                shown = result.shown(with_output="output" in (x, y))
                show(plot(shown, x, y, result.output_path))
            except UsageError as error:  # the runs are what was asked for first, and they are there
                complain(error, "run", 0)


def _name_failures(result: MultirunResult) -> None:
    """Say on stderr which runs failed, where no table does."""
    try:
        result.raise_for_failures()
    except RunsFailed as error:
        complain(error, "run", 0)
