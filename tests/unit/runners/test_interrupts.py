"""What Ctrl-C means, told without a signal."""

from __future__ import annotations

import asyncio

import pytest

from runsemble.runners.interrupts import Interrupts


class Study:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def drain(self) -> int:
        self.asked.append("drain")
        return 2

    def halt(self, how: str) -> int:
        self.asked.append(how)
        return 1


def test_three_mean_drain_stop_kill(capsys: pytest.CaptureFixture[str]) -> None:
    interrupts, study = Interrupts(), Study()
    interrupts.begin(study, "the runs so far")
    for _ in range(4):
        interrupts.interrupt()
    assert study.asked == ["drain", "stop", "kill", "kill"]
    assert interrupts.as_error().result == "the runs so far"  # type: ignore[attr-defined]
    said = capsys.readouterr().err.split("\n")
    assert said[1] == "no further run is started; 2 runs still running (Ctrl-C again ends them)"
    assert said[3] == "ending 1 run (Ctrl-C again kills them)"


async def test_before_there_is_a_study_it_ends_the_work() -> None:
    interrupts = Interrupts()
    task = asyncio.create_task(asyncio.sleep(1000))
    interrupts.bind(asyncio.get_running_loop(), task)
    interrupts.interrupt()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_comes_before_the_loop_is_not_lost() -> None:
    interrupts = Interrupts()
    interrupts.interrupt_from_thread()
    task = asyncio.create_task(asyncio.sleep(1000))
    interrupts.bind(asyncio.get_running_loop(), task)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert interrupts.count == 1
