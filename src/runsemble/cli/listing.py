"""Lists runs that are chosen: as a table page by page, as ids, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing
from itertools import count
from typing import Any

import click

from runsemble._version import __version__
from runsemble.cli import exits
from runsemble.cli.as_json import run_text
from runsemble.cli.options import OUTPUT, together
from runsemble.cli.say import say
from runsemble.cli.sections import option
from runsemble.cli.shown import shown_run, width_of
from runsemble.cli.summary import wants_colour
from runsemble.display.runs_table import runs_lines
from runsemble.display.table import clip, printable
from runsemble.display.tally import FAILED
from runsemble.ensemble.choice import Choice
from runsemble.ensemble.look import Look, looking
from runsemble.ensemble.view import EnsembleRun
from runsemble.model.resources import count_of

#: Runs of a page, unless somebody says so.
PAGE = 50
#: Runs whose results cannot be read that are named.
_NAMED = 3
#: Runs that are looked up at a time.
_CHUNK = 500
SCHEMA = "runsemble.runs/1"

#: How runs are listed; see `list_runs`.
LISTING = together(
    option(OUTPUT, "--limit", type=click.IntRange(0), metavar="N",
           help=f"Runs that are listed; 0 for all. A table has {PAGE} unless given, --ids and --json all."),
    option(OUTPUT, "--offset", type=click.IntRange(0), default=0, metavar="N", help="Runs that are left out before."),
    option(OUTPUT, "--ids", "only_ids", is_flag=True, help="Print the numbers of the runs and nothing else."),
    option(OUTPUT, "--json", "as_json", is_flag=True, help="Print everything that is known of the runs as JSON."),
)  # fmt: skip


async def list_runs(
    directory: str, choice: Choice, options: Mapping[str, Any], *, has_results_first: bool = False
) -> int:
    """Print the runs that are meant; return the exit status."""
    async with looking(directory) as look:
        if options["only_ids"]:
            return await _print_ids(look, choice, options)
        if options["as_json"]:
            return await _print_json(look, choice, options, directory)
        return await _print_table(look, choice, options, has_results_first)


async def _print_ids(look: Look, choice: Choice, options: Mapping[str, Any]) -> int:
    left = options["limit"] or sys.maxsize
    async with aclosing(look.chosen_ids(choice, options["offset"])) as pages:
        async for ids in pages:
            sys.stdout.write("".join(f"{id_}\n" for id_ in ids[:left]))
            left -= len(ids)
            if left <= 0:
                break
    return exits.OK


async def _print_json(look: Look, choice: Choice, options: Mapping[str, Any], directory: str) -> int:
    """Print an object with the runs as its last item, one at a time."""
    counts = await look.reader.counts()
    head = {"schema": SCHEMA, "version": __version__, "path": directory, "counts": counts}
    is_begun = False
    chunks = _chunks(look, choice, options["limit"] or None, options["offset"])
    async with aclosing(chunks):
        async for views in chunks:
            for view in views:
                sys.stdout.write(",\n" if is_begun else json.dumps(head)[:-1] + ', "runs": [\n')
                is_begun = True
                sys.stdout.write(run_text(view, step=view.step, began=view.began))
    sys.stdout.write("\n]}\n" if is_begun else json.dumps({**head, "runs": []}) + "\n")
    return exits.OK


async def _chunks(look: Look, choice: Choice, limit: int | None, offset: int) -> Any:
    """Yield the runs that are meant as they are shown, some at a time."""
    chunk = []
    async with aclosing(look.chosen(choice, offset)) as runs:
        async for run in runs:
            chunk.append(run)
            if limit is not None:
                limit -= 1
            if len(chunk) == _CHUNK or limit == 0:
                yield await look.views(chunk)
                chunk = []
            if limit == 0:
                return
    if chunk:
        yield await look.views(chunk)


async def _print_table(look: Look, choice: Choice, options: Mapping[str, Any], has_results_first: bool) -> int:
    limit = PAGE if options["limit"] is None else options["limit"] or None
    offset = options["offset"]
    chunks = _chunks(look, choice, None if limit is None else limit + 1, offset)
    async with aclosing(chunks):
        views: list[EnsembleRun] = [view async for chunk in chunks for view in chunk]
    has_more = limit is not None and len(views) > limit
    views = views[:limit]
    total = await look.count(choice)
    if not views:
        say(await _why_none(look, choice, total, offset))
        return exits.OK
    _print_lines(views, has_results_first)
    if has_more or offset:
        say(_page_words(len(views), total, offset, has_more=has_more))
    return exits.OK


def _print_lines(views: list[EnsembleRun], has_results_first: bool) -> None:
    shown = [shown_run(view) for view in views]
    width, has_colour = width_of(sys.stdout), wants_colour(sys.stdout)
    lines = runs_lines(shown, views, width, time.time(), has_results_first=has_results_first)
    colours = {1 + at: "red" for at, view in enumerate(views) if view.status in FAILED}
    for at, line in zip(count(), lines, strict=False):
        is_bad = has_colour and at in colours
        sys.stdout.write((click.style(line, fg="red") if is_bad else line) + "\n")
    problems = [one for one in shown if one.problem]
    for one in problems[:_NAMED]:
        say(clip(f"run {one.run.id}: its result cannot be read: {printable(one.problem)}", 500))
    if problems[_NAMED:]:
        say(f"and those of {len(problems) - _NAMED} more")


async def _why_none(look: Look, choice: Choice, total: int | None, offset: int) -> str:
    """Word why there is nothing to list."""
    if offset and total != 0:
        return f"there are no runs after the first {offset}" + (f": there are {total}" if total else "")
    every = sum((await look.reader.counts()).values())
    if not every:
        return "there are no runs yet"
    what = "has posted a result" if choice == Choice(has_result=True) else "is meant by these filters"
    return f"none of {count_of(every, 'run')} {what}"


def _page_words(listed: int, total: int | None, offset: int, *, has_more: bool) -> str:
    """Word which part of the runs was listed, and how to see the rest."""
    words = f"{listed} of {count_of(total, 'run')}" if total is not None else count_of(listed, "run")
    words += f", after the first {offset}" if offset else ""
    return f"{words}; the next ones: --offset {offset + listed}, all: --limit 0" if has_more else words
