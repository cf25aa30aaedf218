"""What guests ask of the driver: to take part, runs, to have written down what happened, to go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runsemble import codec
from runsemble.ensemble.guests import leaving
from runsemble.errors import UsageError
from runsemble.store.lease import Holder
from runsemble.store.records import STATUS_NUMBER
from runsemble.store.writer import Statement

if TYPE_CHECKING:
    from runsemble.ensemble.commands import Desk, Outcome

#: Statements that a guest may have committed.
ALLOWED = frozenset(
    ("record_runs", "record_attempts", "forget_results", "record_results", "record_ends", "add_events", "add_agent",
     "forget_agents", "settle_ends", "settle", "condemn", "pardon", "forget_order")
)  # fmt: skip
#: Statuses of runs that are not over.
_OPEN = (STATUS_NUMBER["pending"], STATUS_NUMBER["running"])


async def join(desk: Desk, arguments: Mapping[str, Any]) -> Outcome:
    """Take a guest in: ``guest``, its name; ``who``, as `Holder.as_text` writes it."""
    name, who = str(arguments["guest"]), Holder.parse(arguments["who"])
    guests = desk.guests
    if guests is None:
        raise UsageError("this study is driven by a multirun, which takes no guests")
    return {}, [("add_guest", [(name, who.as_text())])], lambda: guests.add(name, who)


async def claim(desk: Desk, arguments: Mapping[str, Any]) -> Outcome:
    """Give a guest runs: ``count``, how many at most. It is told which, and whether there may be more later."""
    name = await _require_guest(desk, arguments)
    guests = desk.guests
    assert guests is not None
    if not guests.is_open:
        return {"runs": [], "has_more": guests.opens_later}, _forgotten(arguments), None
    runs = await guests.offer(name, int(arguments["count"]))
    statements = [("add_claims", [(run, name) for run in runs]), *_forgotten(arguments)]
    return {"runs": runs, "has_more": False}, statements, lambda: guests.confirm(name)


async def report(desk: Desk, arguments: Mapping[str, Any]) -> Outcome:
    """Write down what happened to a guest's runs: ``statements``, as the codec writes them."""
    await _require_guest(desk, arguments)
    statements: list[Statement] = [(name, rows) for name, rows in codec.decode(arguments["statements"])]
    for name, _ in statements:
        if name not in ALLOWED:
            raise UsageError(f"guests have nothing to do with {name!r}")
    updates = [(row[-1], row[0]) for name, rows in statements if name in ("record_runs", "settle") for row in rows]
    ended = [(run,) for run, status in updates if status not in _OPEN]
    guests = desk.guests
    then = (lambda: guests.hear(updates)) if guests is not None else None
    return {}, [*statements, ("forget_claim", ended), *_forgotten(arguments)], then


async def give_back(desk: Desk, arguments: Mapping[str, Any]) -> Outcome:
    """Take runs back that need more than there is where a guest is: ``runs``, ids."""
    name = await _require_guest(desk, arguments)
    runs = [int(run) for run in arguments["runs"]]
    guests = desk.guests
    then = (lambda: guests.take_back(name, runs)) if guests is not None else None
    return {}, [("forget_claim", [(run,) for run in runs]), *_forgotten(arguments)], then


async def leave(desk: Desk, arguments: Mapping[str, Any]) -> Outcome:
    """Let a guest go, which has nothing to tell any more."""
    name = str(arguments["guest"])
    guests = desk.guests
    then = (lambda: guests.drop(name)) if guests is not None else None
    return {}, [*leaving(name), *_forgotten(arguments)], then


async def _require_guest(desk: Desk, arguments: Mapping[str, Any]) -> str:
    name = str(arguments["guest"])
    if name not in await desk.reader.guests():
        raise UsageError("another driver has taken over what this one had, since it gave no sign of life")
    return name


def _forgotten(arguments: Mapping[str, Any]) -> Sequence[Statement]:
    """Return what to commit so that replies are kept no longer that the guest has read."""
    return [("forget_command", [(str(name),) for name in arguments["read"]])]


Handler = Callable[["Desk", Mapping[str, Any]], Awaitable["Outcome"]]

#: Commands that can be carried out whether or not anybody drives the study.
OF_GUESTS: Mapping[str, Handler] = {"report": report, "give_back": give_back, "leave": leave}
#: Commands that wait for a driver.
OF_HOSTS: Mapping[str, Handler] = {"join": join, "claim": claim}
