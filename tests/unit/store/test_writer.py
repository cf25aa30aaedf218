"""Commits: whole or not at all, and by whoever holds the lease alone."""

from __future__ import annotations

import asyncio
import os
import sqlite3

import anyio
import pytest

from runsemble.errors import LeaseError, StoreError
from runsemble.store import lease as leases
from runsemble.store import writer as writing
from runsemble.store.connection import open_for_writing
from runsemble.store.file import store_path
from runsemble.store.lease import EXPIRY_S, Here, Holder, boot_clock_s
from runsemble.store.reader import Reader, reading
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER, NewRun, RunUpdate, StoredAttempt
from runsemble.store.writer import Writer, create_study, hold_lease

from .conftest import COUNT

SUCCESS = STATUS_NUMBER["success"]


def ended(run: int) -> RunUpdate:
    return RunUpdate(SUCCESS, 0, 1, 0, 0, None, run)


async def test_what_was_committed_can_be_read_by_everybody(directory: str, reader: Reader) -> None:
    attempt = StoredAttempt(2, 1, 0, 10.0, "node", 99, "0", "", 0, 0, None, 1.5, 0.5, 0.25, 4096, 1024, "tail")
    async with hold_lease(directory) as writer:
        await writer.commit(
            [
                ("record_runs", [ended(2)]),
                ("record_attempts", [attempt]),
                ("record_results", [(2, "text", '{"y": 1}')]),
                ("record_ends", [(2,)]),
                ("add_events", [(1.0, "kind", "words")]),
                ("set_setting", [("halt", '"now"')]),
            ]
        )
    assert (await reader.counts())["success"] == 1
    assert (await reader.counts())["pending"] == COUNT - 1
    run = await reader.run(2)
    assert run is not None
    assert (run.status, run.attempt, run.params) == ("success", 1, {"x": 2})
    assert await reader.attempts(2) == [attempt]
    assert await reader.last_attempts([1, 2]) == {2: attempt}
    assert await reader.result(2) == ("text", '{"y": 1}')
    assert await reader.results([1, 2]) == {2: ("text", '{"y": 1}')}
    assert await reader.ends(0) == [(1, 2)]
    assert await reader.last_end() == 1
    assert await reader.events() == [(1.0, "kind", "words")]
    assert (await reader.settings())["halt"] == "now"


async def test_runs_are_read_page_by_page_and_by_status(directory: str, reader: Reader) -> None:
    async with hold_lease(directory) as writer:
        await writer.commit([("record_runs", [ended(1), ended(3)])])
    assert await reader.ids() == [0, 1, 2, 3, 4]
    assert await reader.ids(("success", "pending", "success")) == [0, 1, 2, 3, 4]
    assert await reader.ids(("success",)) == [1, 3]
    assert [run.id for run in await reader.page(2, 2)] == [2, 3]
    assert [run.id for run in await reader.page(2, 9, "success")] == [3]
    assert [run.id async for run in reader.runs("pending", 1)] == [2, 4]
    assert [run.id for run in await reader.where("state = ?", (1,), 1)] == [1]
    assert await reader.next_id() == COUNT
    assert await reader.run(99) is None


async def test_a_study_without_runs_has_no_next_id(empty: Writer) -> None:
    async with reading(empty.directory) as reader:
        assert await reader.next_id() is None
        assert await reader.last_end() == 0
        assert await reader.reply("none") is None
        assert await reader.last_attempts([]) == {}
        assert await reader.results([]) == {}


async def test_a_transaction_that_fails_leaves_nothing(directory: str, reader: Reader) -> None:
    async with hold_lease(directory) as writer:
        with pytest.raises(StoreError, match="UNIQUE"):
            await writer.commit([("record_runs", [ended(0)]), ("add_runs", [NewRun(1, 1, "")])])
        assert (await reader.counts())["success"] == 0
        await writer.commit([("record_runs", [ended(1)])])  # and the connection is as good as new
    assert await reader.ids(("success",)) == [1]


async def test_a_former_holder_can_commit_nothing(directory: str, reader: Reader) -> None:
    async with hold_lease(directory) as former:
        async with open_for_writing(directory) as db:
            await db.execute("UPDATE lease SET epoch = epoch + 1")
        with pytest.raises(LeaseError, match=f"another driver has taken over the study in {directory}"):
            await former.commit([("record_runs", [ended(0)])])
        with pytest.raises(LeaseError):
            await former.commit([])
    assert (await reader.counts())["success"] == 0
    assert (await reader.lease()).holder is not None, "a former holder gave back what was not its own"


async def test_only_one_of_two_can_hold_the_lease_and_the_other_hears_who(directory: str) -> None:
    async with hold_lease(directory) as first:
        with pytest.raises(LeaseError, match=f"is being driven by process {os.getpid()} on .*, since 2") as caught:
            async with hold_lease(directory):
                raise AssertionError
        assert caught.value.holder.pid == os.getpid()
    async with hold_lease(directory) as second:
        assert second.epoch == first.epoch + 1


async def test_whoever_is_patient_gets_the_lease_when_it_is_given_back(directory: str) -> None:
    epochs: list[int] = []

    async def wait() -> None:
        async with hold_lease(directory, patience_s=60.0) as writer:
            epochs.append(writer.epoch)

    async with hold_lease(directory) as first:
        task = asyncio.create_task(wait())
        await anyio.wait_all_tasks_blocked()
        assert epochs == []
    await task
    assert epochs == [first.epoch + 1]


async def test_of_many_who_want_the_lease_at_the_same_time_each_gets_it_once(directory: str) -> None:
    epochs: list[int] = []

    async def drive() -> None:
        async with hold_lease(directory, patience_s=60.0) as writer:
            await writer.commit([("record_runs", [ended(0)])])
            epochs.append(writer.epoch)

    await asyncio.gather(*(drive() for _ in range(5)))
    assert sorted(epochs) == epochs
    assert len(set(epochs)) == 5


async def test_whoever_is_cancelled_while_taking_the_lease_does_not_have_it(directory: str, reader: Reader) -> None:
    async def hold() -> None:
        async with hold_lease(directory):
            await asyncio.sleep(0)

    is_done, turns = False, 0
    while not is_done:
        task = asyncio.create_task(hold())
        for _ in range(turns):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.wait([task])
        assert (await reader.lease()).holder is None, turns
        is_done, turns = not task.cancelled(), turns + 1
    assert turns > 1


async def test_a_dead_holder_is_succeeded_at_once(directory: str) -> None:
    async with open_for_writing(directory) as db:
        dead = Holder.parse(Holder.me().as_text().replace(f'"pid": {os.getpid()}', '"pid": 999999999'))
        await db.execute("UPDATE lease SET epoch = 7, holder = ?, beat_boot_s = ?", (dead.as_text(), boot_clock_s()))
    async with hold_lease(directory) as writer:
        assert writer.epoch == 8


async def test_a_holder_who_has_stopped_beating_is_succeeded_at_once(directory: str) -> None:
    async with open_for_writing(directory) as db:
        values = (Holder.me().as_text(), boot_clock_s() - EXPIRY_S - 1.0)
        await db.execute("UPDATE lease SET epoch = 7, holder = ?, beat_boot_s = ?", values)
    async with hold_lease(directory) as writer:
        assert writer.epoch == 8


async def test_a_silent_holder_on_another_machine_is_watched_first(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "EXPIRY_S", 0.3)
    monkeypatch.setattr(leases, "EXPIRY_S", 0.3)
    monkeypatch.setattr(writing, "BEAT_S", 0.2)
    async with open_for_writing(directory) as db:
        there = Holder(host="there", boot="other", namespace="", pid=1, born_s=1.0, since=0.0)
        await db.execute("UPDATE lease SET epoch = 7, holder = ?", (there.as_text(),))
    began = asyncio.get_running_loop().time()
    async with hold_lease(directory) as writer:
        assert writer.epoch == 8
    assert asyncio.get_running_loop().time() - began > 0.3


async def test_a_holder_on_another_machine_that_beats_is_left_alone(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "EXPIRY_S", 5.0)
    there = Holder(host="there", boot="other", namespace="", pid=1, born_s=1.0, since=0.0)

    async def beat() -> None:
        async with open_for_writing(directory) as db:
            while True:
                await db.execute("UPDATE lease SET beat = beat + 1")
                await asyncio.sleep(0.05)

    async with open_for_writing(directory) as db:
        await db.execute("UPDATE lease SET epoch = 7, holder = ?", (there.as_text(),))
    task = asyncio.create_task(beat())
    with pytest.raises(LeaseError, match="process 1 on there"):
        async with hold_lease(directory):
            raise AssertionError
    task.cancel()
    await asyncio.wait([task])


async def test_beats_are_written_until_somebody_else_has_the_lease(
    directory: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BEAT_S", 0.01)
    async with hold_lease(directory) as writer:
        task = asyncio.create_task(writer.keep_beating())
        while (await reader.lease()).beat < 3:  # noqa: ASYNC110 - another task writes it to the file
            await asyncio.sleep(0)
        async with open_for_writing(directory) as db:
            await db.execute("UPDATE lease SET epoch = epoch + 1")
        with pytest.raises(LeaseError):
            await task


async def test_a_beat_that_cannot_be_written_is_not_the_last_one(
    directory: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BEAT_S", 0.01)
    async with hold_lease(directory) as writer:
        commit, failures = writer.commit, 0

        async def commit_sometimes(statements: object) -> None:
            nonlocal failures
            if failures < 2:
                failures += 1
                raise StoreError("the disk is full")
            await commit(statements)  # type: ignore[arg-type]

        monkeypatch.setattr(writer, "commit", commit_sometimes)
        task = asyncio.create_task(writer.keep_beating())
        async with asyncio.timeout(10):
            while not (await reader.lease()).beat:
                assert not task.done(), "the lease runs out, and somebody else will drive the study as well"
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
    assert failures == 2


@pytest.mark.parametrize("turns", range(12))
async def test_a_commit_that_is_cancelled_is_whole_or_not_there_and_the_next_one_works(
    directory: str, reader: Reader, turns: int
) -> None:
    async with hold_lease(directory) as writer:
        task = asyncio.create_task(writer.commit([("record_runs", [ended(0), ended(1)])]))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns > 6:
            await reader.counts()  # some time for the writer's thread
        task.cancel()
        await asyncio.wait([task])
        assert (await reader.counts())["success"] in (0, 2)
        await writer.commit([("record_runs", [ended(2)])])
    assert 2 in await reader.ids(("success",))


async def test_a_commit_that_was_begun_is_seen_through_although_it_is_cancelled(directory: str, reader: Reader) -> None:
    async with hold_lease(directory) as writer:
        task = asyncio.create_task(writer.commit([("record_runs", [ended(id_) for id_ in range(COUNT)])]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert (await reader.counts())["success"] == COUNT


async def test_a_new_study_is_held_by_its_maker_until_it_is_made(tmp_path: object) -> None:
    directory = str(tmp_path)
    async with create_study(directory, {"a": [1]}, {"cmd": ["x"]}) as writer:
        assert writer.epoch == 1
        async with reading(directory) as reader:
            lease = await reader.lease()
            assert lease.holder is not None
            assert lease.holder.pid == os.getpid()
            assert await reader.settings() == {"a": [1]}
            assert await reader.recipe(1) == {"cmd": ["x"]}
            assert await reader.recipes() == {1: {"cmd": ["x"]}}
    async with reading(directory) as reader:
        assert (await reader.lease()).is_free(Here.now(), boot_clock_s())


async def test_agents_are_announced_and_forgotten_by_epoch(directory: str, reader: Reader) -> None:
    rows = [
        ("/p1", "/s1", "n", 1, None), ("/p2", "/s2", "n", 2, None), ("/p3", "/s3", "n", 2, "guest"),
        ("/p1", "/s3", "n", 3, None),
    ]  # fmt: skip
    async with hold_lease(directory) as writer:
        await writer.commit([("add_agent", rows)])
        assert [tuple(place) for place in await reader.agents()] == [*rows[1:3], rows[3]]
        await writer.commit([("forget_agents", [(2, None)])])
        assert [place.place for place in await reader.agents()] == ["/p3", "/p1"]
        await writer.commit([("adopt_agents", [()])])
        assert {place.guest for place in await reader.agents()} == {None}


async def test_a_command_is_recorded_once(directory: str, reader: Reader) -> None:
    async with hold_lease(directory) as writer:
        await writer.commit([("record_command", [("name", '{"runs": [1]}')])])
        with pytest.raises(StoreError):
            await writer.commit([("record_ends", [(1,)]), ("record_command", [("name", "{}")])])
    assert await reader.reply("name") == {"runs": [1]}
    assert await reader.ends(0) == []


async def test_a_locked_file_is_a_store_error_that_says_so(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hold_lease(directory) as writer:
        await writer._db.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(store_path(directory), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(StoreError, match=r"runsemble\.db is locked \(database is locked\)"):
                await writer.commit([("record_runs", [ended(0)])])
        finally:
            other.close()
        await writer.commit([("record_runs", [ended(0)])])


def test_causes_of_records_are_the_models() -> None:
    assert CAUSE_NUMBER[None] is None
