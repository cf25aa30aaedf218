"""Turns what is stored of runs back into jobs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from runsemble import codec
from runsemble.model.params import WrittenParams
from runsemble.model.status import Cause
from runsemble.runners.command import StudyCommand
from runsemble.runners.job import Job, Plan
from runsemble.runners.job_maker import JobMaker
from runsemble.runners.options import DirectoryMode
from runsemble.runners.study import Study
from runsemble.runners.table import RunTable
from runsemble.store.records import StoredRun
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

    def bind(self, run: StoredRun) -> Job:
        """Return the job of a run, set to the attempt and the step that come next, or that are under way.

        Raises:
            UsageError: Its command, its directory or a template cannot be made for its parameters.
        """
        study = self._book.studies[run.recipe]
        params, own = read_own(study, run)
        prepared = study.prepare(run.id, params, own, directory=run.directory)
        job = self._makers[run.recipe].make(prepared, own)
        if run.step:
            job.enter_step(run.step)
        go_on(job, run)
        return job

    def bind_nothing(self, run: StoredRun) -> Job:
        """Return a job for a run of which no command can be made; it is never to be submitted."""
        maker = self._makers[run.recipe]
        directory = run_directory(self._book.output_path, run.id, run.directory)
        job = Job(self._table, maker.any_plan, [], directory, run.params_text, {}, id=run.id)
        go_on(job, run)
        return job


def go_on(job: Job, run: StoredRun) -> None:
    """Let a job stand where its run does."""
    is_running = run.status == "running"
    is_begun = is_running or (run.step > 0 and run.cause is Cause.OK)  # between two steps of one attempt
    job.machine.resume(run.attempt if is_begun else run.attempt + 1, run.step, is_running=is_running)
    job.machine.made = run.attempt
    job.machine.cause = run.cause


def read_own(study: Study, run: StoredRun) -> tuple[Mapping[str, Any], Sequence[StudyCommand]]:
    """Return the parameters of a stored run as commands need them, and the commands that it alone has."""
    params = codec.decode(run.params_text) if run.params_text else {}
    if run.own is None:
        return params, ()
    own = json.loads(run.own)
    if "texts" in own:
        params = WrittenParams(params, own["texts"])
    return params, [study.command_of(step) for step in own.get("steps", ())]


def directory_mode(study: Study) -> DirectoryMode:
    """Return how run directories are come by: one that was made for an attempt nobody knows of is used again."""
    return "refill" if study.options.directory == "refill" else "reuse"
