"""Makes a stored study: checks everything, writes it down, runs nothing."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import anyio
import anyio.to_thread

from runsemble.ensemble.book import read_own
from runsemble.ensemble.hook_check import require_importable
from runsemble.ensemble.identity import run_identity
from runsemble.ensemble.pen import Pen
from runsemble.ensemble.pruning import keep_settings
from runsemble.ensemble.recipe import FIRST_RECIPE, full_recipe, new_settings
from runsemble.ensemble.spare import keep_spare
from runsemble.errors import CommandError, FeedError, StoreError, UsageError
from runsemble.launch.hooks import find_hooks, hooks_path
from runsemble.model.params import own_of, plain_params
from runsemble.model.step import Step
from runsemble.runners.options import StudyOptions
from runsemble.runners.study import Study
from runsemble.store.records import NewRun, StoredRun
from runsemble.store.text import to_store
from runsemble.store.writer import create_study
from runsemble.workdir.layout import RunDirectories, current_directory

#: Runs that are written in one transaction.
BATCH = 20_000
#: Runs of which everything is tried that could go wrong; of the others only that their parameters can be written down.
TRIED = 100


#: The setting that says whether a study was made to its end; it is without any in one that grows as it runs.
IS_WHOLE = "is_whole"


def require_whole(directory: str, settings: Mapping[str, Any]) -> None:
    """Make sure that a study was made to its end.

    Raises:
        HalfMade: It was not: its maker died.
    """
    if not settings or not settings.get(IS_WHOLE, True):
        raise HalfMade(f"the ensemble in {directory} was not made to its end: remove it, or make it anew")


class HalfMade(StoreError):
    """Whoever made an ensemble died over it."""


class RunSpec:
    """A run with commands of its own.

    Args:
        params: Its parameters.
        steps: Its commands, one after the other.
        memo: What whoever made it wants to find again with it, ready for JSON.
    """

    __slots__ = ("memo", "params", "steps")

    def __init__(self, params: Any, steps: Sequence[Step], memo: Any = None) -> None:
        self.params = params
        self.memo = memo
        self.steps = tuple(steps)
        if not self.steps:
            raise UsageError("a RunSpec needs at least one Step")
        for step in self.steps:
            if not isinstance(step, Step):
                raise UsageError(f"the steps of a RunSpec must be Step(...), not {step!r}")


async def checked(options: StudyOptions) -> Study:
    """Return the study that options describe, once everything is checked that can be before it is made.

    Raises:
        UsageError: Something makes no sense, or the file with the hooks cannot be imported.
    """
    study = await anyio.to_thread.run_sync(Study, options, current_directory())
    if options.hooks is not None:
        await require_importable(hooks_path(options.hooks, study.submit_dir), study.submit_dir)
    return study


async def create(
    options: StudyOptions, runs: Iterable[Any] | AsyncIterable[Any], first_id: int = 0, **settings: Any
) -> str:
    """Make a study with its directory and its record; return the directory.

    When anything is wrong, nothing is left behind.

    Args:
        options: What it is.
        runs: Parameter sets, or `RunSpec` objects.
        first_id: Of its first run.
        settings: Further settings, ready for JSON.

    Raises:
        UsageError: Something makes no sense; where a parameter set is at fault, `.index` says which.
        FeedError: `runs` raised.
        StoreError: The record cannot be made.
    """
    study = await checked(options)
    await anyio.to_thread.run_sync(study.make)
    try:
        recipe = await anyio.to_thread.run_sync(full_recipe, study)
        hooks = await anyio.to_thread.run_sync(_hooks_of, study)
        facts = new_settings(
            first_id=first_id,
            submit_dir=study.submit_dir,
            hooks=hooks,
            **{IS_WHOLE: False},
            **keep_settings(options.keep),
            **_limits(options),
            **settings,
        )
        await anyio.to_thread.run_sync(keep_spare, study.output_path, {**facts, IS_WHOLE: True}, {FIRST_RECIPE: recipe})
        async with create_study(study.output_path, facts, recipe) as writer:
            writing = RunWriter(writer, study, recipe["digest"], FIRST_RECIPE, first_id)
            await writing.write(runs)
            is_whole = ("set_setting", [(IS_WHOLE, "true")])
            await writer.commit([is_whole, ("add_events", [(time.time(), "created", f"{writing.count} runs")])])
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(study.discard)
        raise
    return study.output_path


def _hooks_of(study: Study) -> dict[str, dict[str, Any]]:
    return {} if study.options.hooks is None else find_hooks(study.options.hooks, study.submit_dir)


def _limits(options: StudyOptions) -> dict[str, Any]:
    limits = {
        "max_failures": options.max_failures, "halt": options.halt, "counts_former": options.counts_former or None,
        "hook_timeout_s": options.hook_timeout_s,
    }  # fmt: skip
    return {name: value for name, value in limits.items() if value is not None}


def describe(
    directory: str, recipes: Mapping[int, Mapping[str, Any]], runs: Iterable[Any]
) -> list[tuple[str, str | None]]:
    """Return what has to be written down of further runs of a study: their parameters, and what they alone have.

    Args:
        directory: The study's.
        recipes: By id; the latest one is the runs'.
        runs: Parameter sets, or `RunSpec` objects.

    Raises:
        UsageError: A run makes no sense; `.index` says which.
    """
    study = Study.from_recipe(recipes[max(recipes)], RunDirectories(directory))
    texts = []
    for index, run in enumerate(runs):
        try:
            texts.append(_texts(study, index, run))
        except UsageError as error:
            error.index = index
            raise
    return texts


def _texts(study: Study, index: int, run: Any) -> tuple[str, str | None]:
    """Return the parameters of a run, and what it alone has, as JSON texts."""
    params, steps = (run.params, run.steps) if isinstance(run, RunSpec) else (run, ())
    if study.options.is_bare and not steps:
        raise CommandError(f"runs[{index}] has no command: give cmd or steps, or a RunSpec with steps of its own")
    _, text = plain_params(params, index, is_literal=study.options.is_literal)
    if not steps:
        return text, own_of(params)
    memo = "" if run.memo is None else f', "memo": {json.dumps(run.memo)}'
    return text, f'{{"steps": {study.own_recipe(steps)}{memo}}}'


class RunWriter:
    """Writes runs of one recipe into the store.

    Args:
        writer: Writes.
        study: Prepares runs.
        digest: Of the recipe.
        recipe: Its id.
        next_id: Of the next run.
    """

    def __init__(self, writer: Pen, study: Study, digest: str, recipe: int, next_id: int) -> None:
        self.count = 0
        self._writer = writer
        self._study = study
        self._digest = digest
        self._recipe = recipe
        self._first_id = next_id
        self._names_directories = not study.has_default_directories

    async def write(self, runs: Iterable[Any] | AsyncIterable[Any]) -> list[int]:
        """Write runs; return the first id and the one after the last.

        Raises:
            UsageError: A run makes no sense; `.index` says which. Those before it are written.
            FeedError: `runs` raised.
        """
        if isinstance(runs, AsyncIterable):
            await self._write_as_they_come(runs)
        else:
            rows = self._rows(runs)
            while batch := await anyio.to_thread.run_sync(lambda: list(islice(rows, BATCH))):
                await self._commit(batch)
        return [self._first_id, self._first_id + self.count]

    async def _write_as_they_come(self, runs: AsyncIterable[Any]) -> None:
        iterator, error, is_over = aiter(runs), None, False
        while not is_over:
            batch: list[Any] = []
            try:
                while len(batch) < BATCH:
                    batch.append(await anext(iterator))
            except StopAsyncIteration:
                is_over = True
            except Exception as caught:
                error, is_over = caught, True
            await self._commit(await anyio.to_thread.run_sync(list, self._rows(batch)))
        if isinstance(error, UsageError):
            error.index = self.count
            raise error
        if error is not None:
            raise _feed_error(error, self.count) from error

    async def _commit(self, rows: Sequence[NewRun]) -> None:
        await self._writer.commit([("add_runs", rows), ("count_in", [(len(rows), 0)])])

    def _rows(self, runs: Iterable[Any]) -> Iterator[NewRun]:
        iterator = iter(runs)
        while True:
            index = self.count
            try:
                run = next(iterator)
            except StopIteration:
                return
            except UsageError as error:
                error.index = index
                raise
            except Exception as error:
                raise _feed_error(error, index) from error
            try:
                row = self._row(self._first_id + index, run)
            except UsageError as error:
                error.index = index
                raise
            self.count += 1
            yield row

    def rows_of_texts(self, runs: Iterable[tuple[str, str | None]]) -> Iterator[NewRun]:
        """Yield the rows of runs that another process has described.

        Args:
            runs: Of each its parameters, and what it alone has, as JSON texts.

        Raises:
            UsageError: A run makes no sense; `.index` says which.
        """
        for index, (params_text, own) in enumerate(runs):
            yield self._row_of_texts(self._first_id + index, params_text, own, index)

    def _row_of_texts(self, id_: int, params_text: str, own: str | None, index: int) -> NewRun:
        study, directory = self._study, ""
        if self._names_directories or index < TRIED:
            stored = StoredRun(id_, self._recipe, params_text, own, None, 0, None, 0, 0, None, None)
            params, commands = read_own(study, stored)
            # In a tidy study its run alone suffers from what is wrong with a command or a file.
            is_tidy = study.options.is_tidy
            path = study.claim(id_, params) if is_tidy else study.prepare(id_, params, commands).directory
            if self._names_directories:
                directory = path.removeprefix(study.output_path + "/")
        identity = bytearray(run_identity(self._digest, params_text, own))
        return NewRun(id_, self._recipe, params_text, own or "", directory and to_store(directory), identity)

    def _row(self, id_: int, run: Any) -> NewRun:
        return self._row_of_texts(id_, *_texts(self._study, id_, run), self.count)


def _feed_error(error: Exception, index: int) -> FeedError:
    return FeedError(f"the parameter sets ended with an error at index {index}: {error!r}", index=index)
