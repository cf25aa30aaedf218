"""Carries commands out: on the record alone, or also on what is under way."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import anyio.to_thread

from runsemble.ensemble.book import Book
from runsemble.ensemble.creation import RunWriter
from runsemble.ensemble.guests import Guests, orders_to
from runsemble.ensemble.hosting import OF_GUESTS, OF_HOSTS
from runsemble.ensemble.inbox import Command
from runsemble.ensemble.killing import killing
from runsemble.ensemble.pen import Pen
from runsemble.ensemble.pruning import KEEP
from runsemble.errors import LeaseError, RunsembleError, StoreError, UsageError
from runsemble.model.status import StoredStatus
from runsemble.runners.study import Study
from runsemble.store.lease import Here
from runsemble.store.reader import Reader
from runsemble.store.records import STATUS_NUMBER, NewRun, StoredRun
from runsemble.store.text import from_store
from runsemble.store.writer import Statement
from runsemble.workdir.keep import Keep, is_pruned

_log = logging.getLogger("runsemble")

#: How many runs are looked up at a time.
CHUNK = 500


class Reserved(NamedTuple):
    """What runs get that are going to be added."""

    first: int  #: their first id
    recipe: int  #: the id of their recipe
    study: Study  #: prepares them


class Live(Protocol):
    """An execution that is under way, as far as commands change it."""

    async def kill(self, runs: Sequence[int], how: str) -> set[int]:
        """End these runs for good, those that wait and those that run.

        On return none of them will be started, and where each stood is written down.

        Returns:
            Those that are being ended; whatever is to be written of the others, others must write.
        """

    def count_killed(self, runs: Sequence[StoredRun]) -> None:
        """Take in that these runs, which waited, were written down as killed."""

    def take_again(self, runs: Iterable[StoredRun]) -> None:
        """Execute these runs again, from these steps: they had ended, and are pending now."""

    def reserve(self, count: int) -> Reserved | None:
        """Return what runs that are to be added get; None: what the record suggests."""

    def take_more(self, rows: Sequence[NewRun]) -> None:
        """Execute runs that were added."""

    def drain(self) -> int:
        """Start nothing more; return how many runs are still running."""

    def finish(self) -> None:
        """Start nothing more; then do what is done when nothing is pending, and end."""

    def halt(self, how: str) -> int:
        """Start nothing more and end what runs; return how many runs there are to end."""

    def resize(self, count: int) -> None:
        """Have so many runs at the same time from now on."""


class Desk:
    """Where commands are carried out.

    Args:
        pen: Writes what is changed.
        reader: Reads the same study.
        book: Its recipes.
        live: The execution under way, None where there is none.
        guests: The guests of that execution, None where it is one itself.
    """

    def __init__(
        self, pen: Pen, reader: Reader, book: Book, live: Live | None = None, guests: Guests | None = None
    ) -> None:
        self.reader = reader
        self.guests = guests
        self._pen = pen
        self._book = book
        self._live = live

    async def carry_out(self, command: Command) -> Any:
        """Carry a command out, unless that was done before; return its reply.

        On return what it changes and the reply are on disk, both or neither. What is wrong with it is a reply, too:
        ``{"error": sentence}``.
        """
        before = await self.reader.reply(command.name)
        if before is not None:
            return before
        handler = HANDLERS.get(command.what)
        try:
            if handler is None:
                raise UsageError(f"there is no command {command.what!r}; is this driver an older version?")
            reply, statements, then = await handler(self, command.arguments)
        except (StoreError, LeaseError):
            raise
        except RunsembleError as error:
            reply, statements, then = {"error": str(error)}, [], None
        except Exception as error:  # whatever another version or another program wrote: the study must not suffer
            _log.exception("the command %s cannot be carried out", command)
            reply, statements, then = {"error": f"the command {command.what} makes no sense: {error!r}"}, [], None
        done = [(command.name, json.dumps(reply))]
        closing = ("record_command", done) if self._pen.guest is None else ("forget_order", [(command.name,)])
        await self._pen.commit([*statements, closing])
        if then is not None:
            then()
        return reply

    async def find(self, ids: Iterable[int]) -> list[StoredRun]:
        """Return runs by their ids.

        Raises:
            UsageError: There is none with one of them.
        """
        wanted = list(dict.fromkeys(ids))
        for id_ in wanted:
            if type(id_) is not int or not 0 <= id_ < 1 << 63:
                raise UsageError(f"there is no run {id_!r}")
        found: dict[int, StoredRun] = {}
        for at in range(0, len(wanted), CHUNK):
            chunk = wanted[at : at + CHUNK]
            marks = ",".join("?" * len(chunk))
            found |= {run.id: run for run in await self.reader.where(f"id IN ({marks})", chunk, len(chunk))}
        missing = [id_ for id_ in wanted if id_ not in found]
        if missing:
            raise UsageError(f"there is no run {missing[0]}")
        return [found[id_] for id_ in wanted]

    # What commands there are: each returns a reply, what to commit, and what to do after that

    async def kill(self, arguments: Mapping[str, Any]) -> Outcome:
        """End runs for good: ``runs``, ids; ``how``, "stop" or "kill"."""
        how = _require_how(arguments)
        ids = [run.id for run in await self.find(arguments["runs"])]
        live = self._live
        theirs = await self._guests_of(ids)
        elsewhere = {run for runs in theirs.values() for run in runs}
        own = [id_ for id_ in ids if id_ not in elsewhere]
        held = await live.kill(own, how) if live is not None else set[int]()
        runs = await self.find(own)  # as they stand now: nobody else starts or ends any of the others
        at_once = [run for run in runs if run.status in OPEN and run.id not in held]
        then = (lambda: live.count_killed(at_once)) if live is not None else None
        meant = held | elsewhere | {run.id for run in at_once}
        reply = {"runs": [id_ for id_ in ids if id_ in meant]}
        statements = killing(run.id for run in at_once)
        statements.append(("condemn", [(run,) for run in sorted(held | elsewhere)]))
        for guest, those in theirs.items():
            statements += orders_to([guest], "kill", {"runs": those, "how": how})
        return reply, statements, then

    async def _guests_of(self, runs: Iterable[int]) -> dict[str, list[int]]:
        """Return which of these runs are guests', by guest; a guest knows of none."""
        theirs: dict[str, list[int]] = {}
        if self._pen.guest is None:
            wanted = set(runs)
            for claim in await self.reader.claims():
                if claim.run in wanted:
                    theirs.setdefault(claim.guest, []).append(claim.run)
        return theirs

    async def requeue(self, arguments: Mapping[str, Any]) -> Outcome:
        """Execute runs again that have ended: ``runs``, ids; ``hard``: from their first step.

        From there they start as well where nothing of their directories was kept.
        """
        found = [run for run in await self.find(arguments["runs"]) if run.status not in ("pending", "running")]
        is_hard = bool(arguments.get("hard", False))
        keep = (await self.reader.settings()).get(KEEP, "all")
        runs = [run._replace(step=0 if is_hard or _is_anew(keep, run) else run.step) for run in found]
        rows = [("requeued", run.step, run.id) for run in runs]
        live = self._live
        then = (lambda: live.take_again(runs)) if live is not None else None
        keeps = arguments.get("keeps_results", False)
        ids = [(run.id,) for run in runs]
        statements: list[Statement] = [("requeue", rows), ("pardon", ids)]
        if not keeps:
            statements.append(("forget_results", ids))  # what they posted is the former attempt's
        return {"runs": [run.id for run in runs]}, statements, then

    async def add(self, arguments: Mapping[str, Any]) -> Outcome:
        """Take in further runs: ``runs``, each with its parameters and what it alone has, as JSON texts."""
        live = self._live
        place = live.reserve(len(arguments["runs"])) if live is not None else None
        first, number, study = place or await self._next_place()
        writing = RunWriter(self._pen, study, self._book.recipes[number]["digest"], number, first)
        if place is None:
            rows = await anyio.to_thread.run_sync(_rows_of, writing, arguments["runs"])
        else:  # others choose directories at the same time
            rows = _rows_of(writing, arguments["runs"])
        await self._refuse_taken(rows)
        then = (lambda: live.take_more(rows)) if live is not None else None
        ids = [first, first + len(rows)]
        return {"ids": ids}, [("add_runs", rows), ("count_in", [(len(rows), STATUS_NUMBER["pending"])])], then

    async def _next_place(self) -> Reserved:
        number = max(self._book.recipes)
        first = await self.reader.next_id()
        if first is None:
            first = int((await self.reader.settings())["first_id"])
        return Reserved(first, number, self._book.studies[number].with_own_directories())

    async def _refuse_taken(self, rows: Sequence[NewRun]) -> None:
        """Refuse runs whose directories others have, or that lie in those of others, or the other way round."""
        for index, row in enumerate(rows):
            if not row.directory:
                continue
            directory = row.directory if isinstance(row.directory, str) else from_store(row.directory)
            is_alone = not os.path.isabs(directory)  # others may lie in those that users have elsewhere
            taken = await self.reader.directory_conflict(directory, is_alone=is_alone)
            if taken is not None:
                raise UsageError(
                    f"runs[{index}]: run_dir gives {directory}, which is (or lies in, or holds) the directory of "
                    f"run {taken}; add {{run_id}} to run_dir, or more of the parameters"
                )

    async def set_result(self, arguments: Mapping[str, Any]) -> Outcome:
        """Replace what a run posted: ``run``, an id; ``result``, JSON text as the codec writes it."""
        (run,) = await self.find([arguments["run"]])
        _require_texts(arguments["result"])
        return {}, [("record_results", [(run.id, "text", arguments["result"])])], None

    async def set_setting(self, arguments: Mapping[str, Any]) -> Outcome:
        """Change a setting: ``name``; ``value``, ready for JSON."""
        _require_texts(arguments["name"])
        return {}, [("set_setting", [(arguments["name"], json.dumps(arguments["value"]))])], None

    async def drain(self, _: Mapping[str, Any]) -> Outcome:
        """Start nothing more, and end when nothing runs any more."""
        return await self._steer(lambda live: live.drain(), "drain")

    async def finish(self, _: Mapping[str, Any]) -> Outcome:
        """Start nothing more, as a hook asks: `post_ensemble` is still called."""
        return await self._steer(lambda live: live.finish(), "drain")

    async def stop(self, arguments: Mapping[str, Any]) -> Outcome:
        """End what runs, to be started again by whoever resumes the study: ``how``, "stop" or "kill"."""
        how = _require_how(arguments)
        return await self._steer(lambda live: live.halt(how), "stop", {"how": how})

    async def resize(self, arguments: Mapping[str, Any]) -> Outcome:
        """Have another number of runs at the same time: ``count``; guests keep theirs."""
        count = arguments["count"]
        if type(count) is not int or count < 1:
            raise UsageError(f"the number of runs at the same time must be at least 1, not {count!r}")
        return await self._steer(lambda live: live.resize(count))

    async def _steer(
        self, act: Callable[[Live], Any], order: str = "", arguments: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Have the driver do something, and its guests what corresponds to that."""
        live = self._live
        known = await self.reader.guests() if order and self._pen.guest is None else {}
        here = Here.now()
        guests = [name for name, who in known.items() if not who.is_certainly_dead(here)]
        if live is None and not guests:
            raise UsageError("nobody drives this study at present")
        then = (lambda: act(live)) if live is not None else None
        return {}, orders_to(guests, order, arguments or {}), then


def _is_anew(keep: Keep, run: StoredRun) -> bool:
    """Tell whether a run starts from its first step when it is executed again."""
    return run.status == "success" or is_pruned(keep, run.status)


def _require_how(arguments: Mapping[str, Any]) -> str:
    how = arguments.get("how", "stop")
    if how not in ("stop", "kill"):
        raise UsageError(f"how must be 'stop' or 'kill', not {how!r}")
    return str(how)


def _rows_of(writing: RunWriter, runs: Sequence[tuple[str, str | None]]) -> list[NewRun]:
    """Return the rows of runs that another process has described; there may be very many."""
    for params_text, own in runs:
        _require_texts(params_text, "" if own is None else own)
    return list(writing.rows_of_texts(runs))


def _require_texts(*values: Any) -> None:
    for value in values:
        if type(value) is not str:
            raise UsageError(f"what is to be written down must be text, not {value!r}")


#: A reply, what to commit with it, and what to do after that.
Outcome = tuple[dict[str, Any], Sequence[Statement], Callable[[], None] | None]

HANDLERS: Mapping[str, Callable[[Desk, Mapping[str, Any]], Awaitable[Outcome]]] = {
    **OF_GUESTS,
    **OF_HOSTS,
    "kill": Desk.kill,
    "requeue": Desk.requeue,
    "add": Desk.add,
    "set_result": Desk.set_result,
    "set_setting": Desk.set_setting,
    "drain": Desk.drain,
    "finish": Desk.finish,
    "stop": Desk.stop,
    "resize": Desk.resize,
}

#: What a run is in that can still be killed.
OPEN: tuple[StoredStatus, ...] = ("pending", "running")
