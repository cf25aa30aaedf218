"""The options that say which runs of a study are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from runsemble.cli.id_words import parse_ids
from runsemble.cli.options import together
from runsemble.cli.sections import option
from runsemble.ensemble.choice import Choice
from runsemble.ensemble.look import Look
from runsemble.errors import UsageError
from runsemble.model.status import Cause, StoredStatus
from runsemble.model.where import Condition
from runsemble.store.records import STATUSES

WHICH = "Which runs"
#: Options that stand for a status.
_FLAGS: dict[str, StoredStatus] = {
    "failed": "failure", "success": "success", "pending": "pending", "running": "running", "killed": "killed",
}  # fmt: skip

#: How conditions are written.
WHERE_HELP = """\
Conditions:
  --where 'beta > 0.3 and loss < 1e-2'   names are parameters and keys of results
  --where 'not converged or time > 60'   and id, status, cause, attempts,
                                         returncode, message, step, time, memory
  --where '0.1 < beta <= 0.5'            seconds, MiB
  --where 'params.n == result.n'         where a name could be both
  --where 'method == "euler"'            a text"""

#: Which runs are meant; see `choice_of`.
FILTERS = together(
    option(WHICH, "--failed", is_flag=True, help="Those that failed."),
    option(WHICH, "--success", is_flag=True, help="Those that succeeded."),
    option(WHICH, "--pending", is_flag=True, help="Those that wait."),
    option(WHICH, "--running", is_flag=True, help="Those that are under way."),
    option(WHICH, "--killed", is_flag=True, help="Those that were killed on request."),
    option(WHICH, "--status", "statuses", multiple=True, type=click.Choice(STATUSES), metavar="STATUS",
           help=f"Those with a status: {', '.join(STATUSES)}."),
    option(WHICH, "--cause", "causes", multiple=True, type=click.Choice(list(map(str, Cause))), metavar="CAUSE",
           help="Those whose last attempt ended for a cause: exit, signal, timeout, oom and so on."),
    option(WHICH, "--where", metavar="CONDITION", help="Those that fulfil a condition, such as 'beta > 0.3'."),
)  # fmt: skip

#: The numbers of runs, for commands that need to know exactly which are meant.
IDS = click.argument("ids", nargs=-1, metavar="[IDS]...")


def choice_of(options: Mapping[str, Any], ids: Sequence[str] = (), *, has_result: bool = False) -> Choice:
    """Return which runs are meant.

    Raises:
        UsageError: An id, or a condition, cannot be read.
    """
    statuses = [status for name, status in _FLAGS.items() if options[name]]
    where = options["where"]
    return Choice(
        ids=parse_ids(ids) if ids else None,
        statuses=tuple(dict.fromkeys([*statuses, *cast(Sequence[StoredStatus], options["statuses"])])),
        causes=tuple(map(Cause, options["causes"])),
        has_result=has_result,
        where=None if where is None else Condition(where),
    )


async def refuse_unknown(look: Look, choice: Choice, directory: str) -> None:
    """Refuse numbers that no run has.

    Raises:
        UsageError: There is no run with one of them.
    """
    for numbers in choice.ids or ():
        among = Choice(ids=[numbers])
        if await look.count(among) == len(numbers):
            continue
        there = numbers.start
        async for run in look.chosen(among):
            if run.id != there:
                break
            there += 1
        last = await look.reader.next_id()
        hint = "there are no runs" if not last else f"the last one is {last - 1}"
        raise UsageError(f"there is no run {there} in {directory}; {hint}")
