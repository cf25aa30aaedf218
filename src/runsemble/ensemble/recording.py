"""Records a study that is carried out as it is given, in its output directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio.to_thread

from runsemble.ensemble.identity import run_identity
from runsemble.ensemble.intervening import Taking, attend
from runsemble.ensemble.keeping import forget_agents, recording
from runsemble.ensemble.private import make_private_directory
from runsemble.ensemble.pruning import keep_settings, pruning
from runsemble.ensemble.recipe import FIRST_RECIPE, full_recipe, new_settings
from runsemble.ensemble.recorder import Recorder
from runsemble.ensemble.spare import keep_spare
from runsemble.runners.engine import Engine
from runsemble.runners.job import Job
from runsemble.runners.pooled_study import Recorded
from runsemble.runners.study import Study
from runsemble.runners.table import RunTable
from runsemble.store.records import NewRun
from runsemble.store.text import to_store
from runsemble.store.writer import create_study
from runsemble.workdir.layout import default_name


def run_maker(
    digest: str, output_path: str, recipe: int = FIRST_RECIPE, known: Container[int] = ()
) -> Callable[[Job], NewRun | None]:
    """Return what turns a job of a study into a run to be written down; into None if it is written down already.

    Args:
        digest: Of the recipe.
        output_path: The study's directory.
        recipe: Its id.
        known: Ids of runs that are written down.
    """
    above = output_path + "/"

    def new_run(job: Job) -> NewRun | None:
        if job.id in known:
            return None
        directory = job.directory.removeprefix(above)
        if directory == default_name(job.id):
            directory = ""
        identity = bytearray(run_identity(digest, job.params_text))
        return NewRun(job.id, recipe, job.params_text, job.own or "", to_store(directory), identity)

    return new_run


def _keep_spare(directory: str, settings: dict[str, Any], recipe: dict[str, Any]) -> None:
    """Keep a copy of what the study is; it does without where that cannot be done."""
    with suppress(OSError):
        keep_spare(directory, settings, {FIRST_RECIPE: recipe})


@asynccontextmanager
async def record_new_study(study: Study, table: RunTable, engine: Engine) -> AsyncIterator[Recorded]:
    """Record a study in its new directory while the block runs.

    Raises:
        StoreError: The record cannot be made.
        InputFileError: An input cannot be read.
    """
    recipe = await anyio.to_thread.run_sync(full_recipe, study)
    settings = new_settings(base=table.base, submit_dir=study.submit_dir, **keep_settings(study.options.keep))
    await anyio.to_thread.run_sync(make_private_directory, study.output_path)
    async with create_study(study.output_path, settings, recipe) as writer:
        await anyio.to_thread.run_sync(_keep_spare, study.output_path, settings, recipe)
        known: set[int] = set()
        recorder = Recorder(writer, table, run_maker(recipe["digest"], study.output_path, known=known))
        recorder.listen()
        await engine.record_in(recorder)
        taking = Taking(study, FIRST_RECIPE, table, engine, known)
        try:
            async with (
                pruning(recorder, writer, settings, table.bus, taking.turn),
                recording(recorder, writer, engine),
            ):
                yield Recorded(recorder, study, partial(attend, writer, recorder, taking))
        finally:
            await forget_agents(recorder, writer, engine)
