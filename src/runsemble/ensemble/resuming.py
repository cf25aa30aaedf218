"""Goes on with a study that was given to `multirun` before."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio.to_thread

from runsemble.ensemble.driver import Driver
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.intervening import Taking, attend
from runsemble.ensemble.keeping import recording
from runsemble.ensemble.killing import kill_condemned
from runsemble.ensemble.overview import living_guests
from runsemble.ensemble.past import Again, Resumption, read_past
from runsemble.ensemble.pruning import change_keep, pruning
from runsemble.ensemble.recipe import full_recipe
from runsemble.ensemble.recorder import Recorder
from runsemble.ensemble.recording import run_maker
from runsemble.errors import LeaseError
from runsemble.runners.engine import Engine
from runsemble.runners.job import Job
from runsemble.runners.order import RunOrder
from runsemble.runners.pooled_study import Recorded, Recording
from runsemble.runners.study import Study
from runsemble.runners.table import RunTable
from runsemble.store.file import store_path
from runsemble.store.reader import reading
from runsemble.store.writer import Writer, hold_lease
from runsemble.workdir.keep import Keep
from runsemble.workdir.layout import RunDirectories


async def settle_former(directory: str) -> int:
    """Take in what agents of former drivers know, and wait for what they still run; return the study's base.

    Raises:
        LeaseError: Another process drives the study.
        StoreError: Its record cannot be read.
    """
    async with reading(directory) as reader:
        guests = await living_guests(reader)
        if guests:
            raise LeaseError(f"the study in {directory} is being driven by {guests[0]}", holder=guests[0])
        has_more = bool(await reader.agents()) or (await reader.counts())["running"] > 0
        base = int((await reader.settings())["base"])
    if has_more:
        await Driver(directory, Execution(only=(), drains=True)).run()
    return base


def record_resumed_study(again: Again) -> Recording:
    """Return what records a study that was under way before.

    Args:
        again: Which runs that have ended are executed again.
    """

    @asynccontextmanager
    async def record(study: Study, table: RunTable, engine: Engine) -> AsyncIterator[Recorded]:
        directory = study.output_path
        async with hold_lease(directory) as writer:
            number, digest, study = await _settle_recipe(writer, study)
            async with reading(directory) as reader:
                settings = await reader.settings()
                await kill_condemned(writer, reader)
            settings |= await _settle_keep(writer, settings, study.options.keep)
            if again == "failed":
                await writer.commit([("forgive", [()])])
            past = await anyio.to_thread.run_sync(read_past, directory)
            table.next_id = past.next_id
            known: set[int] = set()
            recorder = Recorder(writer, table, run_maker(digest, directory, number, known))
            recorder.listen()
            await engine.record_in(recorder)

            taking = Taking(study, number, table, engine, known)

            def resume(make: Callable[..., Job], order: RunOrder) -> Resumption:
                resumption = Resumption(past, number, digest, table, study.options, again, make, order, known)
                resumption.killed = taking.killed
                return resumption

            async with pruning(recorder, writer, settings, table.bus, taking.turn), recording(recorder, writer, engine):
                yield Recorded(recorder, study, partial(attend, writer, recorder, taking), resume)
                await anyio.to_thread.run_sync(past.complete)

    return record


async def _settle_recipe(writer: Writer, study: Study) -> tuple[int, str, Study]:
    """Return the id and the digest of a study's recipe, and the study as it is to be carried out.

    What has changed since it was given before, its command, a template, an input, makes another recipe.
    """
    await anyio.to_thread.run_sync(study.write_functions)
    recipe = await anyio.to_thread.run_sync(full_recipe, study)
    async with reading(study.output_path) as reader:
        recipes = await reader.recipes()
    for number, known in sorted(recipes.items(), reverse=True):
        if known["digest"] == recipe["digest"]:
            same = await anyio.to_thread.run_sync(_as_before, known, study)
            return number, recipe["digest"], same
    await anyio.to_thread.run_sync(study.renew_inputs, max(recipes, default=0) + 1)
    recipe = {**study.as_recipe(), "digest": recipe["digest"]}
    await writer.commit([("add_recipe", [(json.dumps(recipe),)])])
    async with reading(study.output_path) as reader:
        return max(await reader.recipes()), recipe["digest"], study


async def _settle_keep(writer: Writer, settings: Mapping[str, Any], keep: Keep) -> dict[str, Any]:
    """Let what is to be kept hold for the whole study, runs that have ended included; return the settings that change.

    They are committed.
    """
    changes = change_keep(settings, keep)
    if changes:
        await writer.commit([("set_setting", [(name, json.dumps(value)) for name, value in changes.items()])])
    return changes


def _as_before(recipe: dict[str, Any], study: Study) -> Study:
    """Return the study with the copies of inputs that it had before, and the needs that it has now."""
    before = Study.from_recipe(recipe, RunDirectories(study.output_path))
    study.staged = before.staged
    return study


def has_record(directory: str) -> bool:
    """Tell whether there is a study in a directory."""
    return os.path.exists(store_path(directory))
