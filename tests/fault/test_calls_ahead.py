"""Children that an agent forks ahead of their calls: they are like any other, and nobody is left of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from runsemble.agent.stock import MANY, MOST

from ..integration.support import Gate, is_alive, wait_until
from .caller import Caller
from .raw_driver import Agent


def children_of(agent: Agent) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()]


def look() -> dict[str, object]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "pid": os.getpid(),
        "leads": os.getsid(0) == os.getpid(),
        "cwd": os.getcwd(),
        "blocked": int(status["SigBlk"], 16),
        "descriptors": sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
        "ids": sorted(value for name, value in os.environ.items() if name in ("RUNSEMBLE_RUN_ID", "RUNSEMBLE_ATTEMPT")),
        "cores": os.sched_getaffinity(0),
    }


def queue(caller: Caller, gate: Gate, count: int) -> tuple[int, list[int]]:
    """Start a call that waits at the gate, and let others wait for its lease; return their plan and their numbers."""
    path = str(gate.path)

    def hold() -> None:
        while not os.path.exists(path):
            time.sleep(0.001)

    first = caller.start(caller.plan(hold))
    caller.hear_start(first)
    plan = caller.plan(look)
    return plan, [caller.start(plan, waits=True) for _ in range(count)]


def test_each_is_as_fresh_as_one_that_was_forked_for_its_call(caller: Caller, gate: Gate, here: Path) -> None:
    _, numbers = queue(caller, gate, 3 * MOST)
    gate.open()
    found = []
    for number in numbers:
        assert caller.driver.hear_exit(number).status == 0, caller.text(number, "stderr")
        found.append(caller.result(number))
    assert len({one["pid"] for one in found}) == len(numbers)
    assert [one["cwd"] for one in found] == [str(here / str(number)) for number in numbers]
    assert [one["ids"] for one in found] == [sorted(["1", str(number)]) for number in numbers]
    for one in found:
        assert (one["leads"], one["blocked"], one["descriptors"]) == (True, 0, ["0", "1", "2"])


def test_what_was_forked_in_vain_is_soon_gone(agent: Agent, caller: Caller, gate: Gate) -> None:
    _, numbers = queue(caller, gate, 2 * MOST + MANY)
    gate.open()
    for number in numbers:
        assert caller.driver.hear_exit(number).status == 0
    wait_until("no child waits", lambda: not children_of(agent))


def test_one_that_somebody_killed_is_passed_over(agent: Agent, caller: Caller, gate: Gate) -> None:
    path = str(gate.path)

    def hold(x: int) -> None:
        while not os.path.exists(path):
            time.sleep(0.001)

    plan = caller.plan(hold)
    numbers = [caller.start(plan, x=0), *(caller.start(plan, waits=True, x=i) for i in range(1, 2 * MANY))]
    gate.open()
    caller.driver.hear_exit(numbers[1])  # from now on, there are some in stock
    for pid in children_of(agent):
        with suppress(ProcessLookupError):  # one that had its order may be done meanwhile
            os.kill(pid, signal.SIGKILL)
    for number in numbers[2:]:
        record = caller.driver.hear_exit(number)
        assert record.status in (0, -signal.SIGKILL)  # that of one that had its order already
    assert caller.call(plan, x=1).status == 0


def test_none_is_left_when_its_agent_is_killed(agent: Agent, caller: Caller, gate: Gate) -> None:
    _, numbers = queue(caller, gate, 4 * MOST)
    gate.open()
    caller.driver.hear_exit(numbers[MOST])
    children = children_of(agent)
    agent.kill()
    wait_until("they are gone", lambda: not any(map(is_alive, children)))


def test_they_are_confined_to_the_cores_of_their_own_run(caller: Caller) -> None:
    cores = sorted(os.sched_getaffinity(0))
    plan = caller.plan(look)
    for core in (*cores, *cores):
        number = caller.start(plan, cores=[core])
        assert caller.driver.hear_exit(number).status == 0
        assert caller.result(number)["cores"] == {core}


def test_they_are_so_beside_others_too_whose_core_their_agent_does_not_wait_for(
    agent: Agent, caller: Caller, gate: Gate
) -> None:
    own = os.sched_getaffinity(agent.pid)
    path = str(gate.path)

    def hold() -> None:
        while not os.path.exists(path):
            time.sleep(0.001)

    held = caller.start(caller.plan(hold), cores=[min(own)])
    caller.hear_start(held)
    assert os.sched_getaffinity(agent.pid) == {min(own)}
    plan = caller.plan(look)
    for core in (*sorted(own), *sorted(own)):
        number = caller.start(plan, cores=[core])
        assert caller.driver.hear_exit(number).status == 0
        assert caller.result(number)["cores"] == {core}
        assert os.sched_getaffinity(agent.pid) == own
    gate.open()
    assert caller.driver.hear_exit(held).status == 0


def test_a_fresh_interpreter_is_confined_to_the_cores_of_its_run(caller: Caller, gate: Gate, here: Path) -> None:
    module = here / "starts_threads.py"
    module.write_text(
        "import os, threading, time\n\n"
        "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n\n\n"
        "def post_run():\n    return sorted(os.sched_getaffinity(0))\n"
    )
    _, numbers = queue(caller, gate, 1)
    plan = caller.plan_hook(module, "post_run")
    for core in sorted(os.sched_getaffinity(0)):
        number = caller.start(plan, cores=[core])
        assert caller.driver.hear_exit(number).status == 0, caller.text(number, "stderr")
        assert caller.result(number) == [core]
    assert "started threads" in caller.notes[0]
    gate.open()
    assert caller.driver.hear_exit(numbers[0]).status == 0
