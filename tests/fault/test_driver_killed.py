"""A driver that is killed, or stopped for a while, in the middle of its study."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from runsemble import Ensemble, StoredStatus, StoreError

from ..integration.support import Gate, is_alive, lines_of, processes_of, wait_until
from .conftest import StartDriver

#: Two runs, each with a child, a grandchild in a session of its own, and one that nobody can find by its parents.
FAMILY = """
setsid sh -c 'echo $$ > grandchild; while :; do sleep 0.05; done' &
(setsid sh -c 'echo $$ > orphan; while :; do sleep 0.05; done' &)
echo $$ > pid
while :; do sleep 0.05; done
"""

LONG = f"""
result = multirun_sync(
    runs=[{{"i": i}} for i in range(6)], cmd=["sh", "-c", {FAMILY!r}], output_path="out", progress=False,
    runner=ParallelLocalRunner(max_parallel=2),
)
report(result)
"""

SHORT = """
result = multirun_sync(
    runs=({"i": i} for i in range(100_000)), cmd=["true"], output_path="out", progress=False, output="discard",
    runner=ParallelLocalRunner(max_parallel=4),
)
"""


def test_when_the_driver_is_killed_nothing_of_its_study_is_left(start_driver: StartDriver) -> None:
    driver = start_driver(LONG)
    driver.wait_running("0", "1")
    agents = driver.agents
    members = [
        int(wait_until(f"{name} of {run} is there", lambda r=run, n=name: lines_of(driver.output_path / r / n))[0])  # type: ignore[misc]
        for run in ("0", "1")
        for name in ("pid", "grandchild", "orphan")
    ]
    driver.process.kill()
    driver.process.wait()
    assert driver.wait_nothing_left(*agents)
    assert not any(map(is_alive, members))
    assert not (driver.output_path / "2").exists(), "something new was started without a driver"


def test_what_ended_with_a_killed_driver_is_started_again_by_whoever_resumes(
    start_driver: StartDriver, gate: Gate, here: Path
) -> None:
    driver = start_driver(
        f"""
        multirun_sync(
            runs=[{{"i": i}} for i in range(4)], cmd=["sh", "-c", {gate.words!r}], output_path="out", progress=False,
            runner=ParallelLocalRunner(max_parallel=2),
        )
        """
    )
    wait_until("two runs are recorded as running", lambda: asyncio.run(_count("running")) == 2)
    agents = driver.agents
    driver.process.kill()
    driver.process.wait()
    assert driver.wait_nothing_left(*agents)
    gate.open()
    asyncio.run(Ensemble("out").execute())
    assert asyncio.run(_count("success")) == 4


async def _count(status: StoredStatus) -> int:
    try:
        return await Ensemble("out").count_by_status(status)
    except StoreError:  # not made yet
        return 0


@pytest.mark.parametrize("count", [1, 100, 500])
def test_when_the_driver_is_killed_amid_short_runs_nothing_goes_on(start_driver: StartDriver, count: int) -> None:
    driver = start_driver(SHORT)
    wait_until(
        "some runs have begun", lambda: driver.output_path.exists() and len(os.listdir(driver.output_path)) >= count
    )
    agents = driver.agents
    driver.process.kill()
    driver.process.wait()
    assert driver.wait_nothing_left(*agents)
    begun = len(os.listdir(driver.output_path))
    assert begun == len(os.listdir(driver.output_path))
    assert begun < 100_000


def test_when_the_driver_is_killed_while_its_agent_comes_up_nothing_is_left(start_driver: StartDriver) -> None:
    driver = start_driver(LONG)
    agents = wait_until("an agent is coming up", lambda: driver.agents)
    driver.process.kill()
    driver.process.wait()
    assert driver.wait_nothing_left(*agents)


def test_when_driver_and_agent_are_killed_the_runs_can_still_be_told(start_driver: StartDriver) -> None:
    driver = start_driver(LONG)
    pids = driver.wait_running("0", "1")
    agents = driver.agents
    for pid in agents:  # or one of them may learn of its driver's end before its own
        os.kill(pid, signal.SIGSTOP)
    for pid in (driver.pid, *agents):
        os.kill(pid, signal.SIGKILL)
    driver.process.wait()
    known = processes_of(driver.output_path)
    assert set(pids.values()) <= set(known)

    def kill_all() -> bool:
        """Kill whoever is found; nobody else is left who could, but the next driver of an ensemble would."""
        found = processes_of(driver.output_path)
        for pid in found:
            with suppress(ProcessLookupError):  # a `sleep` that is over
                os.kill(pid, signal.SIGKILL)
        return not found

    wait_until("no run is left", kill_all)


def test_time_limits_hold_while_the_driver_is_stopped_and_every_end_arrives_afterwards(
    start_driver: StartDriver,
) -> None:
    driver = start_driver(
        """
        result = multirun_sync(
            runs=[{"i": i} for i in range(6)], cmd=["sh", "-c", "echo $$ > pid; while :; do sleep 0.05; done"],
            output_path="out", progress=False, timeout_s=1.0, runner=ParallelLocalRunner(max_parallel=4),
        )
        report(result, walls=[run.usage.wall_s for run in result])
        """
    )
    names = ("0", "1", "2", "3")
    pids = driver.wait_running(*names)
    os.kill(driver.pid, signal.SIGSTOP)
    wait_until("the agent has ended them on its own", lambda: not processes_of(driver.output_path))
    assert not any(map(is_alive, pids.values()))
    os.kill(driver.pid, signal.SIGCONT)
    assert driver.wait_end() == 0
    assert driver.report["runs"] == [["failure", "timeout", -15, 1]] * 6
    assert all(0.9 < wall < 3 for wall in driver.report["walls"])


def test_runs_that_end_while_the_driver_is_stopped_are_not_lost(start_driver: StartDriver, gate: Gate) -> None:
    driver = start_driver(
        f"""
        result = multirun_sync(
            runs=[{{"i": i}} for i in range(40)],
            cmd=["sh", "-c", "echo $$ > pid; echo {{i}} > results.json; {gate.words}; exit $(({{i}} % 3))"],
            output_path="out", progress=False, runner=ParallelLocalRunner(max_parallel=4),
        )
        report(result, results=result.results)
        """
    )
    driver.wait_running("0", "1", "2", "3")
    os.kill(driver.pid, signal.SIGSTOP)
    gate.open()
    wait_until("nothing runs any more", lambda: not processes_of(driver.output_path))
    os.kill(driver.pid, signal.SIGCONT)
    assert driver.wait_end() == 0
    assert [run[2] for run in driver.report["runs"]] == [i % 3 for i in range(40)]
    assert driver.report["results"] == list(range(40))


def test_a_driver_that_exits_in_the_middle_takes_everything_with_it(start_driver: StartDriver) -> None:
    driver = start_driver(
        """
        async def main():
            task = asyncio.create_task(multirun(
                runs=[{}] * 4, cmd=["sh", "-c", "echo $$ > pid; while :; do sleep 0.05; done"], output_path="out",
                progress=False, runner=ParallelLocalRunner(max_parallel=2),
            ))
            while not os.path.exists("out/1/pid"):
                await asyncio.sleep(0.01)
            os._exit(7)

        asyncio.run(main())
        """
    )
    driver.wait_running("0", "1")
    agents = driver.agents
    assert driver.wait_end() == 7
    assert driver.wait_nothing_left(*agents)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_driver_that_is_ended_by_a_signal_takes_everything_with_it(
    start_driver: StartDriver, number: signal.Signals
) -> None:
    driver = start_driver(LONG)
    driver.wait_running("0", "1")
    agents = driver.agents
    os.kill(driver.pid, number)
    assert driver.wait_end() == -number
    assert driver.wait_nothing_left(*agents)
