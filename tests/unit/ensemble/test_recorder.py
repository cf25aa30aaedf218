"""What the recorder writes for each course of events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from runsemble.ensemble import recorder as recording
from runsemble.ensemble.recorder import Recorder
from runsemble.errors import LeaseError, StoreError
from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.nodes.place import Place
from runsemble.store.reader import Reader
from runsemble.store.records import StoredAttempt
from runsemble.store.writer import Statement, Writer

from .played import Player, new_run


class Play(Player):
    """A player whose runs are recorded."""

    def __init__(self, writer: Writer, **options: Any) -> None:
        super().__init__(**options)
        self.recorder = Recorder(writer, self.table, new_run)
        self.recorder.listen()


async def stand(reader: Reader, run: int = 0) -> tuple[Any, ...]:
    found = await reader.run(run)
    assert found is not None
    return found.status, found.cause, found.attempt, found.step, found.returncode


async def test_a_run_is_taken_in_pending(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    play.add(2)
    assert play.recorder.lag == 2
    await play.recorder.flush()
    assert play.recorder.lag == 0
    assert await stand(reader) == ("pending", None, 0, 0, None)
    assert (await reader.counts())["pending"] == 2


async def test_a_run_that_has_started_is_running_with_where_and_since_when(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    (job,) = play.add()
    play.start(job)
    await play.recorder.flush()
    assert await stand(reader) == ("running", None, 1, 0, None)
    assert await reader.attempts(0) == [StoredAttempt(0, 1, 0, 99.5, "here", 77, "0,1", "GPU-a")]
    assert await reader.ends(0) == []


@pytest.mark.parametrize("flushes", [False, True])
async def test_an_end_is_written_with_what_was_known_of_the_start(
    writer: Writer, reader: Reader, flushes: bool
) -> None:
    play = Play(writer)
    (job,) = play.add()
    play.start(job)
    if flushes:
        await play.recorder.flush()
    play.end(job, result=("text", "[1]"))
    await play.recorder.flush()
    assert await stand(reader) == ("success", Cause.OK, 1, 0, 0)
    assert await reader.attempts(0) == [
        StoredAttempt(0, 1, 0, 99.5, "here", 77, "0,1", "GPU-a", 0, 0, None, 1.5, 0.5, 0.25, 4096, 1024, "the tail")
    ]
    assert await reader.result(0) == ("text", "[1]")
    assert await reader.ends(0) == [(1, 0)]


async def test_a_whole_life_between_two_commits_is_written_at_once(writer: Writer, reader: Reader) -> None:
    play = Play(writer, retries=2)
    (job,) = play.add()
    for cause, code in ((Cause.EXIT, 3), (Cause.SIGNAL, -9), (Cause.EXIT, 4)):
        play.start(job)
        play.end(job, cause, code)
    await play.recorder.flush()
    assert await stand(reader) == ("failure", Cause.EXIT, 3, 0, 4)
    assert [(a.attempt, a.cause, a.returncode) for a in await reader.attempts(0)] == [
        (1, Cause.EXIT, 3), (2, Cause.SIGNAL, -9), (3, Cause.EXIT, 4),
    ]  # fmt: skip
    assert await reader.ends(0) == [(1, 0)]


async def test_a_run_between_two_attempts_or_steps_is_pending_with_what_comes_next(
    writer: Writer, reader: Reader
) -> None:
    play = Play(writer, steps=2)
    one, two = play.add(2)
    for job, cause in ((one, Cause.EXIT), (two, Cause.OK)):
        play.start(job)
        play.end(job, cause, 1 if cause is Cause.EXIT else 0)
    await play.recorder.flush()
    assert await stand(reader, 0) == ("pending", Cause.EXIT, 1, 0, 1)
    assert await stand(reader, 1) == ("pending", Cause.OK, 1, 1, 0)
    assert await reader.ends(0) == []


@pytest.mark.parametrize(
    ("cause", "code", "status"),
    [
        (Cause.OK, 0, "success"),
        (Cause.EXIT, 2, "failure"),
        (Cause.OOM, -9, "failure"),
        (Cause.LAUNCH_ERROR, None, "failure"),
        (Cause.KILLED, -15, "killed"),
        (Cause.CANCELLED, -15, "pending"),
    ],
)
async def test_how_an_attempt_ended_says_where_the_run_stands(
    writer: Writer, reader: Reader, cause: Cause, code: int | None, status: str
) -> None:
    play = Play(writer, retries=0)
    (job,) = play.add()
    play.start(job)
    play.end(job, cause, code)
    await play.recorder.flush()
    assert (await stand(reader))[:2] == (status, cause)
    assert len(await reader.ends(0)) == (status != "pending")


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (Cause.KILLED, "pending"),
        (Cause.AGENT_LOST, "pending"),
        (Cause.CANCELLED, "pending"),
        (Cause.EXIT, "failure"),
        (Cause.OK, "success"),
    ],
)
async def test_what_is_ended_with_its_study_is_pending_again(
    writer: Writer, reader: Reader, cause: Cause, status: str
) -> None:
    play = Play(writer, retries=0)
    play.plan = play.plan._replace(retry=play.plan.retry.without_retries)
    (job,) = play.add()
    play.start(job)
    play.recorder.is_stopping = True
    play.end(job, cause, None if cause is Cause.AGENT_LOST else 1)
    await play.recorder.flush()
    assert (await stand(reader))[0] == status


async def test_a_run_that_was_killed_stays_so_when_its_study_is_ended(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    running, waiting, untouched = play.add(3)
    play.start(running)
    play.start(waiting)
    play.end(waiting, Cause.EXIT, 75)  # it waits to be tried again
    play.recorder.mark_killed([running, waiting])
    play.recorder.is_stopping = True
    play.end(running, Cause.KILLED, -15)
    play.skip(waiting, Cause.KILLED)
    play.skip(untouched)
    await play.recorder.flush()
    assert [(await stand(reader, run))[0] for run in range(3)] == ["killed", "killed", "pending"]
    assert [run for _, run in await reader.ends(0)] == [0, 1]


async def test_a_run_that_failed_by_itself_while_it_was_being_killed_has_failed(writer: Writer, reader: Reader) -> None:
    play = Play(writer, retries=0)
    (job,) = play.add()
    play.start(job)
    play.recorder.mark_killed([job])
    play.end(job, Cause.EXIT, 3)
    await play.recorder.flush()
    assert (await stand(reader))[:2] == ("failure", Cause.EXIT)


async def test_after_the_commit_is_at_once_where_there_is_nothing_to_commit(writer: Writer) -> None:
    play, called = Play(writer), list[str]()
    play.recorder.after_commit(lambda: called.append("at once"))
    assert called == ["at once"]
    play.add()
    play.recorder.after_commit(lambda: called.append("later"))
    assert called == ["at once"]
    await play.recorder.flush()
    assert called == ["at once", "later"]


class Stuck:
    """A writer whose disk is full until it is told otherwise, or whose lease is somebody else's."""

    epoch = 1
    directory = "/study"
    guest = None

    def __init__(self) -> None:
        self.problem: Exception | None = StoreError("the disk is full")
        self.tries = 0
        self.written: list[Statement] = []

    async def commit(self, statements: Iterable[Statement]) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        self.written += statements


class Held:
    """Takes the place of an engine: hears why nothing is to be started."""

    failure = None

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def pause(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> tuple[Play, Stuck, Held]:
    monkeypatch.setattr(recording, "RETRY_S", 0.0)
    monkeypatch.setattr(recording, "GATHER_S", 0.0)
    writer, engine = Stuck(), Held()
    play = Play(writer)  # type: ignore[arg-type]
    play.recorder.bind(engine)  # type: ignore[arg-type]
    return play, writer, engine


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_cannot_be_written_waits_and_nothing_new_is_started_meanwhile(
    stuck: tuple[Play, Stuck, Held],
) -> None:
    play, writer, engine = stuck
    called: list[int] = []
    task = asyncio.create_task(play.recorder.keep_writing())
    play.add()
    play.recorder.after_commit(lambda: called.append(1))
    await turns()
    assert writer.tries > 2
    assert engine.reasons == ["the disk is full"]
    assert called == []
    play.add()
    writer.problem = None
    await turns()
    assert engine.reasons == ["the disk is full", ""]
    assert called == [1]
    assert [row.id for name, rows in writer.written if name == "add_runs" for row in rows] == [0, 1]  # type: ignore[attr-defined]
    play.recorder.close()
    await task


async def test_an_agent_is_announced_only_when_that_could_be_written(stuck: tuple[Play, Stuck, Held]) -> None:
    play, writer, _ = stuck
    task = asyncio.create_task(play.recorder.announce(Place("here", "/place", "/spool")))
    await turns()
    assert not task.done()
    writer.problem = None
    await task
    assert writer.written == [("add_agent", [("/place", "/spool", "here", 1, None)])]


async def test_a_lost_lease_ends_the_writing(stuck: tuple[Play, Stuck, Held]) -> None:
    play, writer, _ = stuck
    writer.problem = LeaseError("somebody else has it")
    task = asyncio.create_task(play.recorder.keep_writing())
    play.add()
    with pytest.raises(LeaseError, match="somebody else"):
        await task


async def test_what_is_being_written_when_the_study_ends_is_not_lost(stuck: tuple[Play, Stuck, Held]) -> None:
    play, writer, _ = stuck
    task = asyncio.create_task(play.recorder.keep_writing())
    play.add()
    await turns()
    play.recorder.close()
    await turns()
    assert not task.done()
    writer.problem = None
    await task
    await play.recorder.flush()
    assert [name for name, _ in writer.written] == ["add_runs", "count_in"]


async def test_nothing_is_heard_after_the_end(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    play.add()
    play.recorder.close()
    play.add()
    await play.recorder.flush()
    assert await reader.ids() == [0]


async def test_two_flushes_at_the_same_time_write_everything_once(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    play.add()
    first = asyncio.create_task(play.recorder.flush())
    await asyncio.sleep(0)
    play.add()
    await asyncio.gather(first, play.recorder.flush())
    assert await reader.ids() == [0, 1]


async def test_what_happened_to_the_study_is_noted(writer: Writer, reader: Reader) -> None:
    play = Play(writer)
    play.recorder.note("halted", "3 runs have failed")
    await play.recorder.flush()
    ((_, kind, text),) = await reader.events()
    assert (kind, text) == ("halted", "3 runs have failed")


async def test_an_attempt_of_which_is_told_after_the_run_has_ended_changes_nothing_else(
    writer: Writer, reader: Reader
) -> None:
    play = Play(writer, steps=2)
    (job,) = play.add()
    for _ in range(2):
        play.start(job)
        play.end(job)
    await play.recorder.flush()
    with play.table.recalling(job):
        play.table.bus.publish(events.AttemptEnded(job.id, 1, Cause.OK, 0, "", 0, 99.5))
    assert play.table.job(job.id) is None
    await play.recorder.flush()
    assert await stand(reader) == ("success", Cause.OK, 1, 1, 0)
    assert [attempt.cause for attempt in await reader.attempts(0)] == [Cause.OK, Cause.OK]
