"""Karana's functions that start runs and show how they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from runsemble.compat.karana._activity import Activity, StudyAtWork, activity_of
from runsemble.compat.karana._files import FileResource, native_files
from runsemble.compat.karana._runner import AbstractRunner, ParallelLocalRunner
from runsemble.compat.karana._runs import Run
from runsemble.display.status import IS_SHOWN_ELSEWHERE, REDRAW_S, show_until
from runsemble.ensemble.multirun import run_study, wants_progress
from runsemble.ensemble.sync import blocking
from runsemble.errors import FeedError
from runsemble.model.params import ParamMap
from runsemble.model.stats import RunStatistics
from runsemble.model.status import RunStatus
from runsemble.runners import abstract
from runsemble.runners.options import StudyOptions
from runsemble.runners.outcome import MultirunResult
from runsemble.runners.progress import Showing


class _Adapter(abstract.AbstractRunner):
    """Somebody's own runner, as `runsemble.multirun` knows runners.

    Args:
        theirs: The runner.
        study: The study that it is used for.
    """

    def __init__(self, theirs: AbstractRunner, study: StudyAtWork) -> None:
        self._theirs = theirs
        self._study = study
        self._states: list[abstract.RunState] = []
        study.taken = self._states

    def add(self, cmd: Sequence[str], cwd: Path = Path(".")) -> abstract.RunState:
        self._states.append(_State(self._theirs.add(list(cmd), cwd)))
        return self._states[-1]

    async def gather(self) -> None:
        activity_of(self._theirs).end(self._study)  # no more runs; their `gather` may show a status bar, and await it
        await self._theirs.gather()

    def compute_statistics(self) -> RunStatistics:
        return self._theirs.computeStatistics()


class _State:
    """A run of somebody's own runner, as `runsemble.multirun` knows runs."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def status(self) -> RunStatus:
        return self._run.status

    @property
    def returncode(self) -> int | None:
        returncode: int | None = getattr(self._run, "returncode", None)
        return returncode


async def displayStatus(runner: AbstractRunner) -> None:  # noqa: N802
    """Show a status bar, and keep it up to date until all runs of a runner have ended.

    While a study is at work on the runner, it goes on; for a runner without runs, until a study or `gather` is over.
    Meanwhile studies on this runner show no bar of their own.
    """
    activity = activity_of(runner)
    with activity.display():
        await asyncio.sleep(2 * REDRAW_S if activity.studies else 0)  # let them take theirs down, or begin
        await show_until(runner.computeStatistics, activity.is_over, activity.yet_to_come)


async def multirunAsync(  # noqa: N802
    *,
    runs: Iterable[ParamMap],
    cmd: list[str],
    output_path: Path | str | None = None,
    input_files: list[FileResource | Path | str] | None = None,
    runner: AbstractRunner | None = None,
) -> MultirunResult:
    """Run a command with varying parameters in distinct directories.

    Args:
        runs: The parameters of each run. What it raises is raised here, when running runs have been ended.
        cmd: The command, taken as it is.
        output_path: A new directory for the runs; one named after the time in the current directory when None.
        input_files: Files to copy or link into each run directory.
        runner: Where to run; four at a time on this machine when None.

    Returns:
        The runs and what they posted.
    """
    options = StudyOptions(
        cmd=cmd,
        output_path=output_path,
        input_files=native_files(input_files),
        run_dir="{run_id}",  # side by side, however many there are
        is_literal=True,
    )
    where: Any = ParallelLocalRunner() if runner is None else runner
    if not isinstance(where, AbstractRunner):
        return await run_study(runs, options, where, Showing(False))  # which says what is wrong with it
    activity, loop = activity_of(where), asyncio.get_running_loop()
    before = IS_SHOWN_ELSEWHERE.get()
    IS_SHOWN_ELSEWHERE.set(lambda: activity.is_shown_in(loop))
    try:
        return await _run_on(where, activity, runs, options)
    except FeedError as error:
        if error.__cause__ is None:
            raise
        theirs = error.__cause__
    finally:
        IS_SHOWN_ELSEWHERE.set(before)
    raise theirs


async def _run_on(
    runner: AbstractRunner, activity: Activity, runs: Iterable[ParamMap], options: StudyOptions
) -> MultirunResult:
    showing = Showing(wants_progress("auto"))
    with activity.study(runs) as study:
        if not isinstance(runner, ParallelLocalRunner) or _is_changed(type(runner)):
            return await run_study(runs, options, _Adapter(runner, study), showing)
        place = runner._here()

        def begin(result: MultirunResult) -> None:
            study.taken = result
            runner._follow(result, place)

        with place.at_work():
            return await run_study(runs, options, place.runner, showing, on_begin=begin)


def _is_changed(kind: type[ParallelLocalRunner]) -> bool:
    """Tell whether somebody has their own idea of how runs are taken in or waited for."""
    return kind.add is not ParallelLocalRunner.add or kind.gather is not ParallelLocalRunner.gather


def multirun(
    *,
    runs: Iterable[ParamMap],
    cmd: list[str],
    output_path: Path | str | None = None,
    input_files: list[FileResource | Path | str] | None = None,
    runner: AbstractRunner | None = None,
) -> MultirunResult:
    """Do what `multirunAsync` does, in ordinary code; also where an event loop runs, which stands still meanwhile."""
    return _multirun(runs=runs, cmd=cmd, output_path=output_path, input_files=input_files, runner=runner)


_multirun = blocking(multirunAsync)
