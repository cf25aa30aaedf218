"""What a driver does for guests: their runs, what happens to them, and what becomes of it when they go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import Any

import pytest

from runsemble import codec
from runsemble.ensemble.book import Book
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.guests import Guests, farewell
from runsemble.ensemble.inbox import new_command
from runsemble.model.stats import RunStatistics
from runsemble.store.lease import Holder
from runsemble.store.reader import Reader, reading
from runsemble.store.records import STATUS_NUMBER, StoredRun
from runsemble.store.writer import Writer, hold_lease

RUNS = 10


class Shelf:
    """Gives runs away in order."""

    def __init__(self, reader: Reader) -> None:
        self.is_stopped = False
        self.back: list[int] = []
        self._reader = reader
        self._next = 0

    async def hand_over(self, count: int, unfit: Collection[int]) -> list[StoredRun]:
        page = await self._reader.page(self._next, count)
        self._next += count
        return page

    def look_again(self, runs: Iterable[int] = ()) -> None:
        self.back += runs

    def wake(self) -> None:
        pass


class Stand:
    def __init__(self, writer: Writer, reader: Reader, book: Book) -> None:
        self.writer, self.reader = writer, reader
        self.statistics, self.ends = RunStatistics(), 0
        self.statistics.add("pending", RUNS)
        self.guests = Guests(writer.directory, {}, (), self.statistics, self._count_end)
        self.shelf = self.guests.source = Shelf(reader)
        self.desk = Desk(writer, reader, book, None, self.guests)

    def _count_end(self, run: int, status: str) -> None:
        self.ends += 1

    async def ask(self, what: str, guest: str = "ann", **arguments: Any) -> Any:
        return await self.desk.carry_out(new_command(what, guest=guest, read=[], **arguments))

    async def report(self, *rows: tuple[Any, ...]) -> Any:
        return await self.ask("report", statements=codec.encode([["record_runs", [list(row) for row in rows]]]))


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    """Return a study with a guest, Ann."""
    ensemble = await Ensemble.create(tmp_path / "out", runs=({"x": x} for x in range(RUNS)), cmd=["true"])
    async with hold_lease(ensemble.path) as writer, reading(ensemble.path) as reader:
        stand = Stand(writer, reader, Book(ensemble.path, await reader.recipes()))
        assert await stand.ask("join", who=Holder.me().as_text()) == {}
        yield stand


def row(run: int, status: str) -> tuple[Any, ...]:
    return (STATUS_NUMBER[status], None, 1, 0, 0, None, run)  # type: ignore[index]


async def test_a_guest_gets_no_runs_before_the_study_is_prepared(stand: Stand) -> None:
    assert await stand.ask("claim", count=3) == {"runs": [], "has_more": True}
    stand.guests.is_prepared = True
    assert await stand.ask("claim", count=3) == {"runs": [0, 1, 2], "has_more": False}
    assert [(claim.run, claim.guest) for claim in await stand.reader.claims()] == [(0, "ann"), (1, "ann"), (2, "ann")]


async def test_a_guest_gets_a_share_and_nothing_once_the_driver_starts_nothing_more(stand: Stand) -> None:
    stand.guests.is_prepared = True
    assert (await stand.ask("claim", count=99))["runs"] == [0, 1, 2, 3, 4]
    stand.shelf.is_stopped = True
    assert await stand.ask("claim", count=1) == {"runs": [], "has_more": False}
    stand.guests.are_expected = False  # the driver alone ends
    assert await stand.ask("claim", count=1) == {"runs": [], "has_more": True}


async def test_what_a_guest_reports_is_counted_and_ends_its_claims(stand: Stand) -> None:
    stand.guests.is_prepared = True
    await stand.ask("claim", count=3)
    assert await stand.report(row(0, "running"), row(1, "success"), row(2, "pending")) == {}
    assert [claim.run for claim in await stand.reader.claims()] == [0, 2]
    assert (stand.statistics.running_count, stand.statistics.success_count, stand.ends) == (1, 1, 1)
    assert (await stand.reader.counts())["success"] == 1
    assert stand.guests.are_awaited


async def test_a_guest_writes_nothing_but_what_happens_to_runs(stand: Stand) -> None:
    reply = await stand.ask("report", statements=codec.encode([["set_setting", [["base", "7"]]]]))
    assert reply == {"error": "guests have nothing to do with 'set_setting'"}


async def test_whoever_is_no_guest_any_more_is_told_so(stand: Stand) -> None:
    for what, arguments in (("report", {"statements": "[]"}), ("claim", {"count": 1}), ("give_back", {"runs": [1]})):
        reply = await stand.ask(what, guest="bob", **arguments)
        assert "another driver has taken over" in reply["error"]


async def test_runs_that_are_given_back_or_left_are_anybodys(stand: Stand) -> None:
    stand.guests.is_prepared = True
    await stand.ask("claim", count=3)
    await stand.ask("give_back", runs=[1])
    assert stand.shelf.back == [1]
    await stand.ask("leave")
    assert stand.shelf.back == [1, 0, 2]
    assert (await stand.reader.claims(), await stand.reader.guests()) == ([], {})
    assert not stand.guests.are_awaited


async def test_a_kill_goes_to_the_guest_and_holds_even_if_that_dies_before(stand: Stand) -> None:
    stand.guests.is_prepared = True
    await stand.ask("claim", count=2)
    assert (await stand.desk.carry_out(new_command("kill", runs=[0, 5])))["runs"] == [0, 5]
    ((_, what, arguments),) = await stand.reader.orders("ann")
    assert (what, arguments) == ("kill", {"runs": [0], "how": "stop"})
    await stand.writer.advance(await farewell(stand.reader, "ann"))
    found = [run.status async for run in stand.reader.runs()]
    assert [number for number, status in enumerate(found) if status == "killed"] == [0, 5]
    assert (await stand.reader.claims(), await stand.reader.orders("ann")) == ([], [])
    assert (await stand.reader.lease()).epoch == stand.writer.epoch


async def test_guests_are_told_what_the_driver_is_told(stand: Stand) -> None:
    await stand.desk.carry_out(new_command("stop", how="kill"))
    stand.guests.tell("drain")
    await stand.guests.send(stand.writer)
    orders = [(what, arguments) for _, what, arguments in await stand.reader.orders("ann")]
    assert orders == [("stop", {"how": "kill"}), ("drain", {})]
