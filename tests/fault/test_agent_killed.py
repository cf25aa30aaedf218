"""Agents that are killed under a study: every run is recorded once, and none is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from runsemble import AgentError, MultirunResult, ParallelLocalRunner, multirun
from runsemble.agent import place
from runsemble.model import events

from ..integration.support import (
    Gate,
    home_of_agent,
    is_alive,
    lines_of,
    names_in,
    own_agents,
    processes_of,
    wait_until,
)


class Watch:
    """Notes what a runner says, and acts when so many runs have ended."""

    def __init__(self, runner: ParallelLocalRunner) -> None:
        self.ended: Counter[int] = Counter()
        self.started: Counter[int] = Counter()
        self.agents_started = 0
        self.agents_lost = 0
        self._acts: dict[int, Callable[[], None]] = {}
        self._doomed: frozenset[int] = frozenset()
        runner.listen(self._hear)

    def act_after(self, ends: int, act: Callable[[], None]) -> None:
        """Call `act` when so many runs have ended."""
        self._acts[ends] = act

    def act_with_two_agents(self, act: Callable[[], None]) -> None:
        """Call `act` when a run has ended while two agents are up."""

        def look() -> None:
            if self.agents_started < 2:
                self.act_after(self.ended.total() + 1, look)
            else:
                act()

        self.act_after(1, look)

    def kill_when_met(self, numbers: set[int]) -> None:
        """Kill agents in the moment in which they say that they are up; 1 is the first."""
        self._doomed = frozenset(numbers)

    def _hear(self, event: events.Event) -> None:
        if isinstance(event, events.RunStarted):
            self.started[event.run] += 1
        elif isinstance(event, events.AgentStarted):
            self.agents_started += 1
            if self.agents_started in self._doomed:
                os.kill(event.pid, signal.SIGKILL)
        elif isinstance(event, events.AgentLost):
            self.agents_lost += 1
        elif isinstance(event, events.RunEnded):
            self.ended[event.run] += 1
            act = self._acts.pop(self.ended.total(), None)
            if act is not None:
                act()


def kill_agents() -> None:
    """Kill every agent of this process."""
    for pid in own_agents():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_stream(runner: ParallelLocalRunner, count: int | Watch, script: str) -> MultirunResult:
    runs = ({"x": x} for x in (range(count) if isinstance(count, int) else until_an_agent_was_lost(count)))
    return asyncio.run(multirun(runs=runs, cmd=["sh", "-c", script], output_path="out", runner=runner, progress=False))


def until_an_agent_was_lost(watch: Watch) -> Iterator[int]:
    """Count the runs of a study that goes on for some more after it has lost an agent."""
    spare = 200
    for x in range(5000):
        yield x
        spare -= watch.agents_lost > 0
        if not spare:
            return


def expect_each_ended_once(watch: Watch, result: MultirunResult, count: int) -> None:
    assert len(result) == count
    assert [run.id for run in result if run.status != "success"] == [], [run.message for run in result.failures]
    assert set(watch.ended) == set(range(count))
    assert set(watch.ended.values()) == {1}, "a run was recorded more than once"


@pytest.mark.parametrize("first", [1, 7])
def test_killing_the_agent_again_and_again_loses_no_run_and_records_none_twice(here: Path, first: int) -> None:
    count = 300
    runner = ParallelLocalRunner()
    watch = Watch(runner)
    for number in range(5):  # an agent that dies once more within a minute is given up
        watch.act_after(first + 50 * number, kill_agents)
    result = run_stream(runner, count, "echo {x} >> ../effects; echo {x} > results.json")
    expect_each_ended_once(watch, result, count)
    assert watch.agents_lost >= 5
    assert result.results == list(range(count))
    effects = Counter(map(int, lines_of(here / "out/effects")))
    assert set(effects) == set(range(count)), "a run succeeded without having done anything"
    repeated = sum(effects.values()) - count
    assert repeated <= 5 * 2 * 3, f"{repeated} runs were done again, though only those under way may be"
    assert own_agents() == []


def test_what_still_listens_where_an_agent_was_killed_is_not_taken_for_it(here: Path) -> None:
    """The kernel closes the sockets of a process one after the other; for a moment, there is somebody to connect to."""
    runner = ParallelLocalRunner(max_parallel=1)
    watch = Watch(runner)

    with socket.socket(socket.AF_UNIX) as listener:

        def kill() -> None:
            (agent,) = own_agents()
            path = place.socket_path(home_of_agent(agent))
            os.unlink(path)
            listener.bind(path)
            listener.listen()
            os.kill(agent, signal.SIGKILL)

        watch.act_after(1, kill)
        study = multirun(runs=[{}] * 3, cmd=["true"], output_path="out", runner=runner, progress=False)
        result = asyncio.run(asyncio.wait_for(study, timeout=15))
    assert result.statistics.success_count == 3
    assert watch.agents_lost == 1


def test_a_run_that_was_under_way_is_ended_and_done_again_at_no_cost(here: Path, gate: Gate) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    watch = Watch(runner)
    watch.act_after(1, kill_agents)  # the short run ends while the long one is under way
    script = (
        "test {x} = 1 && { until [ -e ../0/pid ]; do sleep 0.01; done; exit 0; }; "
        "echo $$ >> ../pids; echo $$ > pid; test $RUNSEMBLE_ATTEMPT = 2 || { while :; do sleep 0.05; done; }"
    )
    result = run_stream(runner, 2, script)
    assert [run.status for run in result] == ["success", "success"]
    assert (result[0].attempts, str(result[0].cause)) == (2, "ok")
    first, second = map(int, lines_of(here / "out/pids"))
    assert first != second
    assert not is_alive(first)
    assert names_in(here / "out/0/.attempts") == ["1", "current"]
    assert watch.started[0] == 2


def test_a_post_of_the_dead_attempt_is_not_taken_for_the_new_ones(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    watch = Watch(runner)
    watch.act_after(1, kill_agents)
    script = (
        "test {x} = 1 && { until [ -e ../0/results.json ]; do sleep 0.01; done; exit 0; }; "
        "test $RUNSEMBLE_ATTEMPT = 2 && exit 0; echo '\"stale\"' > results.json; while :; do sleep 0.05; done"
    )
    result = run_stream(runner, 2, script)
    assert (result[0].status, result[0].result) == ("success", None)
    assert (here / "out/0/.attempts/1/results.json").exists()


def test_both_agents_may_be_killed_at_once(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=4)
    watch = Watch(runner)
    watch.act_with_two_agents(kill_agents)
    result = run_stream(runner, watch, ": > ../{x}-came")
    expect_each_ended_once(watch, result, len(result))
    assert watch.agents_lost == 2, "there never were two agents"
    assert sum(name.endswith("-came") for name in names_in(here / "out")) == len(result)
    assert own_agents() == []


def test_one_of_two_agents_may_be_killed(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=4)
    watch = Watch(runner)

    watch.act_with_two_agents(lambda: os.kill(own_agents()[-1], signal.SIGKILL))
    result = run_stream(runner, watch, ":")
    expect_each_ended_once(watch, result, len(result))
    assert watch.agents_lost == 1, "there never were two agents"


@pytest.mark.parametrize("count", [3, 500], ids=lambda count: f"{count} runs")
def test_an_agent_that_dies_too_often_is_given_up_with_a_sentence(here: Path, count: int) -> None:
    runner = ParallelLocalRunner(max_parallel=1)
    runner.listen(lambda event: kill_agents() if isinstance(event, events.RunStarted) else None)
    with pytest.raises(AgentError, match="died 6 times within a minute") as caught:
        run_stream(runner, count, "while :; do sleep 0.05; done")
    assert "\n" not in str(caught.value)
    assert processes_of(here / "out") == {}
    assert own_agents() == []


def test_runs_that_finished_before_the_agent_was_given_up_are_in_the_error(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=1)

    def listen(event: events.Event) -> None:
        if isinstance(event, events.RunStarted) and event.run >= 1:
            kill_agents()

    runner.listen(listen)
    with pytest.raises(AgentError) as caught:
        run_stream(runner, 3, "test {x} = 0 || while :; do sleep 0.05; done; echo 1 > results.json")
    result: MultirunResult = caught.value.result
    assert (result[0].status, result[0].result) == ("success", 1)
    assert {run.status for run in result[1:]} <= {"failure", "skipped"}


@contextmanager
def killed_while_it_comes_up(which: int, delay_ms: float) -> Iterator[None]:
    """While the block runs, wait for the agent that is started as number `which`, and then a moment; then kill it."""
    over = threading.Event()

    def kill() -> None:
        while not over.is_set():
            agents = own_agents()
            if len(agents) >= which:
                over.wait(delay_ms / 1000)
                with suppress(ProcessLookupError):
                    os.kill(agents[which - 1], signal.SIGKILL)
                return
            time.sleep(0.0005)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


@pytest.mark.parametrize("delay_ms", [0, 5, 10, 15, 20, 25, 30, 40, 50, 70])
def test_an_agent_that_is_killed_while_it_comes_up_is_no_reason_to_hang(here: Path, delay_ms: int) -> None:
    complaint = ""
    with killed_while_it_comes_up(1, delay_ms):
        study = multirun(runs=[{}] * 20, cmd=["true"], output_path="out", progress=False)
        try:
            assert asyncio.run(asyncio.wait_for(study, timeout=15)).statistics.success_count == 20
        except AgentError as error:  # as right as a result, as long as it is told
            complaint = str(error)
    assert "\n" not in complaint
    assert own_agents() == []
    assert processes_of(here / "out") == {}


@pytest.mark.parametrize("delay_ms", [0, 10, 20, 25, 30, 35, 40, 50])
def test_a_second_agent_that_is_killed_while_it_comes_up_is_done_without(here: Path, delay_ms: int) -> None:
    runner = ParallelLocalRunner(max_parallel=4)
    watch = Watch(runner)
    with killed_while_it_comes_up(2, delay_ms):
        study = multirun(
            runs=({"x": x} for x in range(400)), cmd=["true"], output_path="out", runner=runner, progress=False
        )
        result = asyncio.run(asyncio.wait_for(study, timeout=30))
    expect_each_ended_once(watch, result, 400)
    assert own_agents() == []


@pytest.mark.parametrize("doomed", [{2}, {2, 3}, {2, 3, 4}], ids=str)
def test_a_successor_that_is_killed_in_the_moment_it_is_met_has_one_itself(here: Path, doomed: set[int]) -> None:
    runner = ParallelLocalRunner(max_parallel=1)
    watch = Watch(runner)
    watch.act_after(1, kill_agents)

    watch.kill_when_met(doomed)
    study = multirun(
        runs=[{"x": x} for x in range(5)], cmd=["sleep", "0.05"], output_path="out", runner=runner, progress=False
    )
    result = asyncio.run(asyncio.wait_for(study, timeout=15))
    expect_each_ended_once(watch, result, 5)
    assert own_agents() == []


@pytest.mark.parametrize("attempt", range(8))  # the moment is met only sometimes
def test_an_agent_that_is_killed_in_the_moment_it_is_met_is_no_reason_to_hang(here: Path, attempt: int) -> None:
    runner = ParallelLocalRunner(max_parallel=1)
    watch = Watch(runner)

    watch.kill_when_met({1})
    study = multirun(runs=[{}] * 5, cmd=["true"], output_path="out", runner=runner, progress=False)
    with suppress(AgentError):
        assert asyncio.run(asyncio.wait_for(study, timeout=15)).statistics.success_count == 5
    assert own_agents() == []


def test_a_second_agent_that_is_killed_in_the_moment_it_is_met_is_done_without(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=4)
    watch = Watch(runner)

    watch.kill_when_met({2})
    study = multirun(
        runs=({"x": x} for x in range(600)), cmd=["true"], output_path="out", runner=runner, progress=False
    )
    result = asyncio.run(asyncio.wait_for(study, timeout=30))
    expect_each_ended_once(watch, result, 600)
    assert watch.agents_started >= 2, "there never was a second agent"
    assert own_agents() == []


async def hold_cores_again_and_again(runner: ParallelLocalRunner) -> None:
    while True:
        async with runner.pool.acquire():
            await asyncio.sleep(0)


def test_nobody_waits_for_cores_of_a_runner_whose_agents_cannot_be_kept_alive(here: Path) -> None:
    async def acquire() -> None:
        runner = ParallelLocalRunner(max_parallel=1)
        Watch(runner).kill_when_met(set(range(1, 20)))
        async with runner:
            for _ in range(2):  # while the agents die, and once they have been given up
                with pytest.raises(AgentError, match="died 6 times"):
                    await hold_cores_again_and_again(runner)

    asyncio.run(asyncio.wait_for(acquire(), timeout=20))
    assert own_agents() == []


def test_an_agent_that_is_killed_while_it_ends_is_no_reason_to_hang(here: Path) -> None:
    async def study() -> MultirunResult:
        async with ParallelLocalRunner() as runner:
            result = await multirun(runs=[{}], cmd=["true"], output_path="out", runner=runner, progress=False)
            kill_agents()
        return result

    assert asyncio.run(asyncio.wait_for(study(), timeout=15))[0].status == "success"
    assert own_agents() == []


def test_an_agent_that_is_stopped_and_continued_loses_nothing(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    watch = Watch(runner)

    def stop_for_a_moment() -> None:
        (agent, *_) = own_agents()
        os.kill(agent, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.5, os.kill, agent, signal.SIGCONT)

    watch.act_after(20, stop_for_a_moment)
    expect_each_ended_once(watch, run_stream(runner, 60, ":"), 60)
    assert watch.agents_lost == 0


def test_a_study_on_a_runner_whose_idle_agent_was_killed_finds_another(here: Path) -> None:
    async def studies() -> list[MultirunResult]:
        results = []
        async with ParallelLocalRunner() as runner:
            for number in range(3):
                results.append(
                    await multirun(
                        runs=[{}] * 5, cmd=["true"], output_path=f"out{number}", runner=runner, progress=False
                    )
                )
                kill_agents()
        return results

    results = asyncio.run(asyncio.wait_for(studies(), timeout=20))
    assert [result.statistics.success_count for result in results] == [5, 5, 5]


def test_time_limits_hold_for_runs_of_the_successor(here: Path) -> None:
    runner = ParallelLocalRunner(max_parallel=2)
    watch = Watch(runner)
    watch.act_after(1, kill_agents)
    wait = "until [ -e ../0/pid ]; do sleep 0.01; done; exit 0"
    script = f"test {{x}} = 1 && {{ {wait}; }}; echo $$ > pid; while :; do sleep 0.05; done"
    result = asyncio.run(
        multirun(
            runs=[{"x": 0}, {"x": 1}], cmd=["sh", "-c", script], output_path="out", runner=runner, progress=False,
            timeout_s=1.0,
        )
    )  # fmt: skip
    assert (result[0].status, str(result[0].cause), result[0].attempts) == ("failure", "timeout", 2)
    wait_until("no process is left", lambda: not processes_of(here / "out"))
