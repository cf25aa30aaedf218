"""The record of runs agrees with what happened to them, in whatever order they and the commits do."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runsemble.ensemble.recorder import Recorder
from runsemble.model.status import Cause
from runsemble.runners.job import Job
from runsemble.runners.table import Row
from runsemble.store.reader import Reader, reading
from runsemble.store.records import STATUSES
from runsemble.store.writer import create_study

from ..unit.ensemble.played import Player, new_run

CAUSES = [Cause.OK, Cause.OK, Cause.EXIT, Cause.TIMEOUT, Cause.AGENT_LOST, Cause.KILLED, Cause.LAUNCH_ERROR]


class Recorded(RuleBasedStateMachine):
    """Runs of two steps and one retry, a recorder, and a file."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.acknowledged = 0
        self.asked = 0

    @initialize()
    def open(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        writer = await self.stack.enter_async_context(create_study(directory, {}, {}))
        self.reader: Reader = await self.stack.enter_async_context(reading(directory))
        self.play = Player(retries=1, steps=2)
        self.recorder = Recorder(writer, self.play.table, new_run)
        self.recorder.listen()

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    @property
    def jobs(self) -> list[Job]:
        return self.play.table.jobs

    def _pick(self, which: int) -> Job:
        return self.jobs[which % len(self.jobs)]

    @rule(count=st.integers(1, 5))
    def add(self, count: int) -> None:
        self.play.add(count)

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 50))
    def start(self, which: int) -> None:
        self.play.start(self._pick(which))

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 50), cause=st.sampled_from(CAUSES))
    def end(self, which: int, cause: Cause) -> None:
        code = {Cause.OK: 0, Cause.EXIT: 3}.get(cause, None if cause is Cause.AGENT_LOST else -15)
        self.play.end(self._pick(which), cause, code, ("text", "1"))

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 50), cause=st.sampled_from([Cause.ABORTED, Cause.KILLED]))
    def skip(self, which: int, cause: Cause) -> None:
        job = self._pick(which)
        if job.machine.status == "pending":
            self.play.skip(job, cause)

    @rule()
    def ask(self) -> None:
        self.asked += 1
        self.recorder.after_commit(self._acknowledge)

    def _acknowledge(self) -> None:
        self.acknowledged += 1

    @rule()
    def flush(self) -> None:
        self.runner.run(self._flush())

    async def _flush(self) -> None:
        await self.recorder.flush()
        assert self.acknowledged == self.asked
        await self._agrees()

    @invariant()
    def nothing_is_acknowledged_too_soon(self) -> None:
        assert self.acknowledged <= self.asked

    async def _agrees(self) -> None:
        table, reader = self.play.table, self.reader
        counts = dict.fromkeys(STATUSES, 0)
        ended: list[int] = []
        for id_ in range(len(table)):
            run, entry = await reader.run(id_), table.entry(id_)
            assert run is not None
            counts[run.status] += 1
            machine = (
                (entry.status, entry.attempts) if isinstance(entry, Row) else (entry.machine.status, entry.machine.made)
            )
            status = {"skipped": "killed" if entry_cause(entry) is Cause.KILLED else "pending"}.get(
                machine[0], machine[0]
            )
            if status == "failure" and entry_cause(entry) is Cause.KILLED:
                status = "killed"
            assert (run.status, run.attempt) == (status, machine[1])
            attempts = await reader.attempts(id_)
            assert len({(a.attempt, a.step) for a in attempts}) == len(attempts)
            assert max((a.attempt for a in attempts), default=0) == run.attempt
            assert sum(a.cause is None for a in attempts) == (run.status == "running")
            if run.status not in ("pending", "running"):
                ended.append(id_)
        assert await reader.counts() == counts
        assert sorted(run for _, run in await reader.ends(0)) == ended
        assert table.statistics.total_count == len(table) == sum(counts.values())


def entry_cause(entry: Job | Row) -> Cause | None:
    return entry.cause if isinstance(entry, Row) else entry.machine.cause


TestRecorded = Recorded.TestCase
TestRecorded.settings = settings(settings.default, max_examples=20, stateful_step_count=25, deadline=None)
