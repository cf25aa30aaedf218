"""Streams of very short runs, for which the engine sends ahead and starts further agents."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from runsemble import ParallelLocalRunner, multirun
from runsemble.agent import inventory
from runsemble.model import events
from runsemble.sched import tempo
from runsemble.sched.tempo import MOST_CALL_AGENTS

from .support import own_agents


async def test_every_run_is_started_once_while_the_second_agent_comes_up(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    runner = ParallelLocalRunner(max_parallel=2)
    runner.listen(heard.append)
    for study in range(3):
        result = await multirun(
            runs=({"i": i} for i in range(800)),
            cmd=["/bin/true"],
            output_path=tmp_path / str(study),
            runner=runner,
            progress=False,
        )
        assert result.statistics.success_count == 800, result.failures[:3]
        started = [(event.run, event.attempt) for event in heard if isinstance(event, events.RunStarted)]
        assert len(started) == len(set(started)) == 800
        heard.clear()


def pass_on(i: int) -> int:
    return i


@pytest.mark.parametrize(("cmd", "agents"), [(["/bin/true"], 8), (pass_on, 1 + MOST_CALL_AGENTS)])
async def test_every_run_is_started_once_while_many_agents_come_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cmd: Any, agents: int
) -> None:
    monkeypatch.setattr(inventory, "usable_cores", lambda: list(range(8)))  # of which it takes as many as there may be
    for name in ("START_S", "CALL_S"):
        monkeypatch.setattr(tempo, name, 1.0)
    heard: list[events.Event] = []
    async with ParallelLocalRunner(pin=False) as runner:
        runner.listen(heard.append)
        result = await multirun(
            runs=({"i": i} for i in range(800)),
            cmd=cmd,
            output_path=tmp_path / "out",
            runner=runner,
            progress=False,
        )
        assert len(own_agents()) == agents
    assert result.statistics.success_count == 800, result.failures[:3]
    started = [(event.run, event.attempt) for event in heard if isinstance(event, events.RunStarted)]
    assert len(started) == len(set(started)) == 800
    assert own_agents() == []


async def trickle(count: int) -> AsyncIterator[dict[str, int]]:
    """Yield parameter sets in spurts, so that the agent runs dry again and again."""
    for i in range(count):
        yield {"i": i}
        if i % 37 == 0:
            await asyncio.sleep(0.005)


async def test_no_run_waits_for_a_lease_that_went_back_in_the_same_moment(tmp_path: Path) -> None:
    is_over = threading.Event()

    def burn() -> None:
        while not is_over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=burn)
    thread.start()
    try:
        async with asyncio.timeout(60):
            result = await multirun(
                runs=trickle(500),
                cmd=["/bin/true"],
                output_path=tmp_path / "out",
                runner=ParallelLocalRunner(cores=1),
                progress=False,
            )
    finally:
        is_over.set()
        thread.join()
    assert result.statistics.success_count == 500


async def test_no_short_run_waits_behind_a_long_one_while_a_core_is_free(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    command = f"[ {{waits}} = no ] || while [ ! -e '{gate}' ]; do sleep 0.05; done"
    runner = ParallelLocalRunner(max_parallel=2)
    ended = 0

    def open_gate_after_the_others(event: events.Event) -> None:
        nonlocal ended
        ended += isinstance(event, events.RunEnded)
        if ended == 799:
            gate.touch()

    runner.listen(open_gate_after_the_others)
    async with asyncio.timeout(60):
        result = await multirun(
            runs=({"waits": "yes" if i == 500 else "no"} for i in range(800)),
            cmd=["sh", "-c", command],
            output_path=tmp_path / "out",
            runner=runner,
            progress=False,
        )
    assert result.statistics.success_count == 800
