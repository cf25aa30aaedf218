"""Changes runs of a study that are chosen by ids or filters, and says what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runsemble.cli.driving import driver_words, is_driven, look_who
from runsemble.cli.selection import choice_of, refuse_unknown
from runsemble.ensemble.choice import Choice
from runsemble.ensemble.look import looking
from runsemble.errors import UsageError


def chosen_by(ids: Sequence[str], options: Mapping[str, Any]) -> Choice:
    """Return which runs are meant.

    Raises:
        UsageError: Nothing says which; or an id, or a condition, cannot be read.
    """
    choice = choice_of(options, ids)
    if choice == Choice() and not options["all_runs"]:
        raise UsageError(
            "say which runs: their ids, such as 3-7,9; or --failed, --where 'x > 1' and the like; or --all"
        )
    return choice


async def chosen_ids(directory: str, choice: Choice) -> list[int]:
    """Return the ids of the runs that are meant.

    Raises:
        UsageError: There is no run with one of the ids.
    """
    async with looking(directory) as look:
        await refuse_unknown(look, choice, directory)
        return [id_ async for ids in look.chosen_ids(choice) for id_ in ids]


async def how_it_goes_on(directory: str) -> str:
    """Word what has to be done for a change to have an effect; empty if somebody drives the study."""
    lease, _ = await look_who(directory)
    return "" if is_driven(lease) else f"; {driver_words(lease, directory)}"
