"""What is told of a study while it is under way; without a terminal, so that everything told is a line."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.from_thread
import pytest

from runsemble.display.hints import Cluster
from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.runners import progress
from runsemble.runners.bus import EventBus
from runsemble.runners.progress import Showing, show_progress
from runsemble.runners.table import RunTable
from runsemble.sched.pool import PoolUsage

from .ended import add_run, end_run

USE = PoolUsage(1, 2, 0, 0, 1)


class Study:
    """Shows the progress of runs as they end."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.table, self.machinery = RunTable(), EventBus()
        self._capsys = capsys

    async def lines(self, happens: Callable[[], None], *, says_end: bool = False) -> list[str]:
        """Return the lines that are shown of what happens."""
        showing = Showing(shows_bar=True, says_end=says_end)
        async with show_progress(self.table, self.machinery, None, lambda: USE, showing):
            happens()
        return self._capsys.readouterr().err.splitlines()

    def run(self, params: Mapping[str, Any], cause: Cause = Cause.OK, message: str = "") -> None:
        end_run(add_run(self.table, params), cause, message=message)


@pytest.fixture
def study(capsys: pytest.CaptureFixture[str]) -> Study:
    return Study(capsys)


async def test_a_failure_is_told_and_a_success_is_not(study: Study) -> None:
    def happens() -> None:
        study.run({})
        study.run({}, Cause.EXIT, "exit code 3")

    assert await study.lines(happens) == ["run 1 failed: exit code 3 — see /r/1"]


async def test_a_run_that_was_ended_on_request_is_no_failure(study: Study) -> None:
    def happens() -> None:
        for cause in (Cause.ABORTED, Cause.KILLED, Cause.CANCELLED):
            study.run({}, cause)

    assert await study.lines(happens) == []


async def test_how_it_went_is_told_at_the_end_where_that_is_wanted(study: Study) -> None:
    (line,) = await study.lines(lambda: study.run({}), says_end=True)
    assert line.endswith(": 1 succeeded, 0 failed, 0 skipped")


async def test_troubles_are_told(study: Study) -> None:
    told: list[tuple[events.Event, str]] = [
        (events.Paused("the disk is full"), "nothing new is started: the disk is full"),
        (events.Resumed(), "runs are started again"),
        (events.AgentLost("node7", 1), "the agent on node7 died; 1 run will be started again"),
        (events.Note("a word"), "a word"),
        (events.Aborted("3 runs failed"), "nothing new is started: 3 runs failed"),
    ]

    def happens() -> None:
        for event, _ in told:
            study.machinery.publish(event)

    assert await study.lines(happens) == [line for _, line in told]


async def test_nothing_is_heard_any_more_afterwards(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    await study.lines(lambda: study.run({}))
    study.machinery.publish(events.Note("a word"))
    study.run({}, Cause.EXIT, "exit code 3")
    assert await study.lines(lambda: None) == []
    assert capsys.readouterr().err == ""


async def test_where_failures_cluster_is_told_once(study: Study) -> None:
    def happens() -> None:
        for at in range(100):
            study.run({"x": at % 5, "y": at % 3}, Cause.EXIT if at % 5 == 2 else Cause.OK, "exit code 3")

    lines = [line for line in await study.lines(happens) if "cluster" in line]
    assert len(lines) == 1
    assert lines[0].startswith("failures cluster: x = 2: ")


async def test_where_failures_of_many_runs_cluster_is_told(study: Study) -> None:
    def happens() -> None:
        for at in range(4000):
            study.run({"x": at % 4, "y": at // 4 % 10}, Cause.EXIT if at >= 2000 and at % 4 == 1 else Cause.OK)

    lines = [line for line in await study.lines(happens) if "cluster" in line]
    assert any(line.startswith("failures cluster: x = 1: ") for line in lines)


async def test_looking_for_clusters_does_not_hold_up_the_event_loop(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def look(runs: object) -> list[Cluster]:
        threads.append(threading.get_ident())
        return [Cluster("x", "=", 2, 5, 5, 0, 20)]

    monkeypatch.setattr(progress, "find_clusters", look)

    def happens() -> None:
        for at in range(progress.FIRST_LOOK):
            study.run({"x": at}, Cause.EXIT, "exit code 3")

    lines = await study.lines(happens)
    assert lines[-1] == "failures cluster: x = 2: 5 of 5 runs failed, elsewhere 0 of 20"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_a_study_that_is_given_up_does_not_wait_for_clusters(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_looking, is_over = anyio.Event(), threading.Event()

    def look(runs: object) -> list[Cluster]:
        anyio.from_thread.run_sync(is_looking.set)
        is_over.wait(60)
        return []

    async def show_and_give_up() -> None:
        async with show_progress(study.table, study.machinery, None, lambda: USE, Showing(shows_bar=False)):
            for at in range(progress.FIRST_LOOK):
                study.run({"x": at}, Cause.EXIT, "exit code 3")
            await is_looking.wait()
            raise KeyError

    monkeypatch.setattr(progress, "find_clusters", look)
    try:
        with anyio.fail_after(10), pytest.raises(KeyError):
            await show_and_give_up()
    finally:
        is_over.set()


async def test_parameters_that_cannot_be_looked_at_do_not_end_a_study(
    study: Study, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def look(runs: object) -> list[Cluster]:
        raise ValueError("what is this?")

    monkeypatch.setattr(progress, "find_clusters", look)

    def happens() -> None:
        for at in range(progress.FIRST_LOOK):
            study.run({"x": at}, Cause.EXIT, "exit code 3")

    assert len(await study.lines(happens)) == progress.FIRST_LOOK
    assert "what is this?" in caplog.text


@pytest.mark.parametrize("text", ["\x1b[2Jgone", "two\nlines", "\u202eabc", "漢" * 10_000, "x" * 10_000])
async def test_what_is_told_of_a_cluster_is_one_line(study: Study, text: str) -> None:
    def happens() -> None:
        for at in range(40):
            params = {text: text if at % 4 == 0 else str(at % 4)}
            study.run(params, Cause.EXIT if at % 4 == 0 else Cause.OK, "exit code 3")

    (line,) = [line for line in await study.lines(happens) if "cluster" in line]
    assert line.isprintable()
    assert "runs failed, elsewhere 0 of" in line
    assert len(line) < 300


async def test_random_failures_are_hardly_ever_told_to_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    false = 0
    for seed in range(60):
        study, source = Study(capsys), random.Random(seed)

        def happens(study: Study = study, source: random.Random = source) -> None:
            for at in range(300):
                params = {"x": source.random(), "solver": source.choice("abc"), "n": at % 5}
                study.run(params, Cause.EXIT if source.random() < 0.2 else Cause.OK, "exit code 3")

        false += any("cluster" in line for line in await study.lines(happens))
    assert false <= 2


async def test_runs_that_were_skipped_do_not_make_a_cluster_of_those_that_failed(study: Study) -> None:
    def happens() -> None:
        for x in range(40):
            add_run(study.table, {"x": x})
        for job in study.table.jobs[6:]:
            job.machine.skip(Cause.ABORTED)
            study.table.end(job)
        for job in study.table.jobs:
            end_run(job, Cause.EXIT if job.id else Cause.OK, message="exit code 1")

    assert not [line for line in await study.lines(happens) if "cluster" in line]
