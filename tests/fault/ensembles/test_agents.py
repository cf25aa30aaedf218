"""Agents that die again and again, and machines that are started anew."""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from runsemble.testing import faults
from runsemble.workdir.layout import PRIVATE

from ...integration.support import is_alive, processes_of, wait_until
from .campaign import SLOTS
from .scene import Scene


def test_an_agent_that_dies_too_often_is_given_up_and_the_next_driver_goes_on(scene: Scene) -> None:
    assert scene.make(stretch=3.0) == 0
    driver = scene.drive(gives_up=True)
    wait_until("an agent is there", lambda: faults.members("agent", scene.home))
    killed: set[int] = set()
    while driver in faults.members("driver", scene.home):
        for pid in faults.members("agent", scene.home):
            killed.add(pid)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert scene.wait(driver) == 3
    (line,) = scene.said.splitlines()
    assert line.startswith(("AgentError: the agent on ", "AgentDied: the agent on "))
    scene.finish(lost_at_most=SLOTS * len(killed))


def test_after_a_reboot_what_was_under_way_is_started_again(scene: Scene) -> None:
    assert scene.make(stretch=5.0) == 0
    scene.fuse.arm("run reaped", ["driver", "agent"])
    driver = scene.drive()
    assert scene.wait(driver) == -signal.SIGKILL
    for pid in processes_of(scene.directory):
        os.kill(pid, signal.SIGKILL)
    wait_until("no run is left", lambda: not processes_of(scene.directory))
    for place in Path(scene.home, "places").read_text().split():
        shutil.rmtree(place, ignore_errors=True)
    for spool in Path(scene.directory, PRIVATE).glob("spool-*"):
        lines = spool.read_text().splitlines()
        spool.write_text("".join(f"{of_another_boot(line)}\n" for line in lines))
    seen = scene.finish(lost_at_most=SLOTS)
    assert sum(seen.attempt.values()) > len(seen.attempt), "nothing was started again"


def of_another_boot(line: str) -> str:
    """Return a line of a spool as the machine would have written it before it was started anew."""
    if not line.startswith('["epoch"'):
        return line
    kind, epoch, _ = json.loads(line)
    return json.dumps([kind, epoch, "00000000-0000-0000-0000-000000000000"], separators=(",", ":"))


def test_an_agent_that_comes_up_slowly_is_not_joined_by_another_one(scene: Scene) -> None:
    assert scene.make() == 0
    scene.fuse.arm("spool opened", ["driver"], stop=True)
    driver = scene.drive()
    assert scene.wait(driver) == -signal.SIGKILL
    (agent,) = faults.members("agent", scene.home)
    driver = scene.drive()
    wait_until("another agent was tried", lambda: len(os.listdir(Path(scene.home, "roster"))) >= 4)
    os.kill(agent, signal.SIGCONT)
    assert scene.wait(driver) == 0, scene.said
    scene.finish()


def test_a_driver_that_comes_while_an_agent_ends_gets_another_one(scene: Scene) -> None:
    assert scene.make(stretch=0.2) == 0
    scene.fuse.arm("agent closes", ["driver"], stop=True)
    driver = scene.drive()
    assert scene.wait(driver) == -signal.SIGKILL
    agents = faults.members("agent", scene.home)
    driver = scene.drive()
    wait_until("it has begun", lambda: driver in faults.members("driver", scene.home))
    for agent in agents:
        with suppress(ProcessLookupError):
            os.kill(agent, signal.SIGCONT)
    assert scene.wait(driver) == 0, scene.said
    scene.finish()


def test_runs_that_ended_with_their_driver_are_all_executed_by_the_next_one(scene: Scene) -> None:
    assert scene.make(stretch=3.0) == 0
    scene.fuse.arm("after commit", ["driver"])
    assert scene.drive_to_end(orphans="kill") == -signal.SIGKILL
    wait_until("the agent has ended them", lambda: not processes_of(scene.directory))
    seen = scene.finish(lost_at_most=SLOTS)  # as theirs are written down that were ended with their driver
    assert any(number > 1 for number in seen.attempt.values())


def test_an_agent_that_does_not_answer_is_killed_and_its_runs_are_started_again(scene: Scene, tmp_path: Path) -> None:
    assert scene.make(stretch=6.0) == 0
    scene.fuse.arm("run reaped", ["driver"])
    assert scene.wait(scene.drive()) == -signal.SIGKILL
    agents = faults.members("agent", scene.home)
    for agent in agents:
        os.kill(agent, signal.SIGSTOP)
    log = str(tmp_path / "log")
    seen = scene.finish(lost_at_most=SLOTS, answer_s=1.0, log=log)
    assert any(number > 1 for number in seen.attempt.values())
    assert "did not answer for 1 s, and is killed; what it was running is started again" in Path(log).read_text()
    assert not any(is_alive(agent) for agent in agents)


def test_an_agent_that_stands_still_while_it_comes_up_is_killed(scene: Scene) -> None:
    assert scene.make() == 0
    scene.fuse.arm("spool opened", ["driver"], stop=True)
    assert scene.wait(scene.drive()) == -signal.SIGKILL
    (agent,) = faults.members("agent", scene.home)
    scene.finish(answer_s=1.0)
    assert not is_alive(agent)
