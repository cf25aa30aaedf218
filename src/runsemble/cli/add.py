"""``runsemble add``: more runs of an ensemble."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from runsemble.cli.change import how_it_goes_on
from runsemble.cli.directory import DIRECTORY, typed
from runsemble.cli.id_words import ids_words
from runsemble.cli.idioms import SEPARATORS
from runsemble.cli.nothing import say_nothing_to_run
from runsemble.cli.options import OUTPUT, PARAMETER_OPTIONS, VALUES_HELP
from runsemble.cli.reply import AS_JSON, QUIET, reply
from runsemble.cli.say import say
from runsemble.cli.sections import DirectoryFirst, option
from runsemble.cli.sources import read_workload
from runsemble.cli.translate import source_options
from runsemble.ensemble.book import Book
from runsemble.ensemble.ensemble import Ensemble
from runsemble.errors import ParameterError, RunsembleError, UsageError
from runsemble.launch.placeholders import Template, nearest
from runsemble.model.resources import count_of
from runsemble.model.text import quote
from runsemble.store.reader import reading

#: Runs that are handed over at a time.
CHUNK = 20_000

EPILOG = f"""\b
{VALUES_HELP}

\b
Examples:
  runsemble add sweep -P x=6,7,8
  runsemble add sweep --jsonl more.jsonl
  runsemble add sweep ::: 6 7 8
"""


@click.command(
    cls=DirectoryFirst,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
    epilog=EPILOG,
)
@PARAMETER_OPTIONS
@option(OUTPUT, *AS_JSON, is_flag=True, help="Print the numbers of the new runs as JSON.")
@option(OUTPUT, *QUIET, is_flag=True, help="Print nothing but what goes wrong.")
@DIRECTORY
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[::: ARGUMENT...]...")
def add(directory: str, command: tuple[str, ...], **options: Any) -> int:
    """Add runs to the ensemble in DIR, which has their command already; say which numbers they got.

    A driver that is at work takes them in at once; else they are pending until somebody resumes the ensemble.
    """
    if command and command[0] not in SEPARATORS:
        raise UsageError(
            f"{quote(command[0])} is no option; add takes parameters only, as the command is there already"
        )
    there = asyncio.run(_look(directory))
    pretended = ["true", *(f"{{{name}}}" for name in there.named or there.params)]
    workload = read_workload([*pretended, *command], source_options(options))
    if workload.count == 0:
        return say_nothing_to_run("add")
    ids = _add(directory, _checked(workload.sets, there, says_notes=not options["quiet"]))
    if not ids:
        return say_nothing_to_run("add")
    facts = {"schema": "runsemble.add/1", "path": directory, "runs": list(ids)}
    words = f"{count_of(len(ids), 'run')} added to {typed(directory)} ({ids_words(ids)})"
    return reply(words + asyncio.run(how_it_goes_on(directory)), facts, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """What the runs of an ensemble are like."""

    named: Sequence[str]  #: the parameters that its commands name, as far as its first run has them
    params: Sequence[str]  #: those of its first run


async def _look(directory: str) -> _There:
    async with reading(directory) as reader:
        recipes = await reader.recipes()
        first = await reader.page(0, 1)
    study = Book(directory, recipes).studies[max(recipes)]
    named = [name for command in study.commands for word in command.words for name in Template(word).names]
    params = list(first[0].params) if first else list(dict.fromkeys(named))
    return _There(named=[name for name in dict.fromkeys(named) if name in params], params=params)


def _add(directory: str, sets: Iterable[Mapping[str, Any]]) -> Sequence[int]:
    """Add runs, some at a time; return their ids."""
    ids: list[range] = []
    iterator = iter(sets)
    try:
        while chunk := list(islice(iterator, CHUNK)):
            ids.append(asyncio.run(Ensemble(directory).add_runs(chunk)))
    except RunsembleError as error:
        if ids:
            raise type(error)(f"{error}; {sum(map(len, ids))} runs before it were added") from error
        raise
    return [id_ for numbers in ids for id_ in numbers]


def _checked(sets: Iterable[Mapping[str, Any]], there: _There, *, says_notes: bool) -> Iterator[Mapping[str, Any]]:
    """Yield parameter sets; refuse those that lack what the command names.

    Raises:
        ParameterError: One lacks a parameter.
    """
    seen = set(there.params)
    for at, params in enumerate(sets):
        for name in there.named:
            if name not in params:
                raise ParameterError(f"runs[{at}] has no parameter {name!r}, which the command of the ensemble names")
        if not seen.issuperset(params):
            for name in params:
                if name not in seen and says_notes:
                    near = nearest(name, there.params)
                    hint = f"; did you mean {near!r}?" if near else ""
                    say(f"note: the first run of the ensemble has no parameter {name!r}{hint}")
            seen.update(params)
        yield params
