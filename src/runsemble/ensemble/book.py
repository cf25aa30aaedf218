"""Turns what is stored of runs back into jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from runsemble import codec
from runsemble.model.params import WrittenParams
from runsemble.model.status import Cause
from runsemble.runners.command import StudyCommand
from runsemble.runners.job import Job, Plan
from runsemble.runners.job_maker import AgainMode, JobMaker
from runsemble.runners.study import Study
from runsemble.runners.table import RunTable
from runsemble.sched.history import Made, take_in
from runsemble.store.records import StoredAttempt, StoredRun
from runsemble.workdir.layout import RunDirectories, run_directory


class Book:
    """The recipes of a stored study, and how its runs are made of them.

    Args:
        output_path: The study's directory, wherever it is by now.
        recipes: By id.
    """

    def __init__(self, output_path: str, recipes: Mapping[int, Mapping[str, Any]]) -> None:
        directories = RunDirectories(output_path)
        self.output_path = output_path
        self.recipes = recipes
        self.studies = {number: Study.from_recipe(recipe, directories) for number, recipe in recipes.items()}


class Binder:
    """Makes jobs of stored runs, for one table.

    Args:
        book: The recipes.
        table: Where the jobs are going to be.
        new_plan: Makes a plan that the agents of the runner do not know yet.
        env: Further variables for every run.
    """

    def __init__(
        self, book: Book, table: RunTable, new_plan: Callable[..., Plan], env: Mapping[str, str] | None = None
    ) -> None:
        self._book = book
        self._table = table
        self._makers = {}
        for number, study in book.studies.items():
            with_retries = partial(new_plan, retry=study.options.retry)
            self._makers[number] = JobMaker(study, table, with_retries, directory_mode(study), env)

    def bind(self, run: StoredRun, made: Sequence[StoredAttempt] = ()) -> Job:
        """Return the job of a run, set to the attempt and the step that come next, or that are under way.

        Args:
            run: Which.
            made: Every attempt at it so far, in order.

        Raises:
            UsageError: Its command, its directory or a template cannot be made for its parameters.
        """
        study = self._book.studies[run.recipe]
        params, own = read_own(study, run)
        text = run.params_text or None
        prepared = study.prepare(run.id, params, own, directory=run.directory, text=text)
        job = self._makers[run.recipe].make(prepared, own)
        job.own = run.own
        if run.step:
            job.enter_step(run.step)
        go_on(job, run, made)
        return job

    def bind_nothing(self, run: StoredRun) -> Job:
        """Return a job for a run of which no command can be made; it is never to be submitted."""
        maker = self._makers[run.recipe]
        directory = run_directory(self._book.output_path, run.id, run.directory)
        job = Job(self._table, maker.any_plan, [], directory, run.params_text, {}, id=run.id)
        go_on(job, run)
        return job


def go_on(job: Job, run: StoredRun, made: Sequence[StoredAttempt] = ()) -> None:
    """Let a job stand where its run does.

    Args:
        job: New.
        run: What is stored of its run.
        made: Every attempt at it so far, in order.
    """
    is_running = run.status == "running"
    is_begun = is_running or _is_between_steps(run, made)
    job.machine.resume(run.attempt if is_begun else run.attempt + 1, run.step, is_running=is_running)
    job.machine.made = run.attempt
    job.machine.cause = run.cause
    if made:
        past = [Made(one.attempt, one.step, one.cause, one.returncode, one.ended) for one in made]
        job.history = take_in(job.machine, past, job.plan.retry, forgiven=run.forgiven, now=time.time())
        job.due_at = time.monotonic() + job.history.delay_s if job.history.delay_s else 0.0


def _is_between_steps(run: StoredRun, made: Sequence[StoredAttempt]) -> bool:
    """Tell whether the step that comes next belongs to the latest attempt: the one before was the last thing it did."""
    if not made:
        return run.step > 0 and run.cause is Cause.OK
    last = made[-1]
    return run.step > 0 and last.cause is Cause.OK and (last.attempt, last.step) == (run.attempt, run.step - 1)


def read_own(study: Study, run: StoredRun) -> tuple[Mapping[str, Any], Sequence[StudyCommand]]:
    """Return the parameters of a stored run as commands need them, and the commands that it alone has."""
    params = codec.decode(run.params_text) if run.params_text else {}
    if run.own is None:
        return params, ()
    if '"texts"' in run.own:
        params = WrittenParams(params, json.loads(run.own).get("texts", {}))
    return params, study.commands_in(run.own)


def directory_mode(study: Study) -> AgainMode:
    """Return how run directories are come by: one that was made for an attempt nobody knows of is used again."""
    mode = study.options.directory
    return "own" if mode == "new" else mode
