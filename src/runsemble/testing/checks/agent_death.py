"""The death of an agent costs time, and no run."""

from __future__ import annotations

import asyncio
import os
import signal

from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.testing.files import read
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import PATIENCE_S, is_alive, require, require_equal, wait_file
from runsemble.testing.rig import Rig, python, sh

#: Says which processes an attempt consists of, itself and a child in a session of its own, then waits at the gate.
#: A later attempt first says which processes of the former ones it finds alive.
_TELL_AND_WAIT = """
import os, signal, sys
attempt = os.environ["RUNSEMBLE_ATTEMPT"]
def is_alive(pid):
    try:
        return open("/proc/" + pid + "/stat").read().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False
names = [name for name in os.listdir(".") if name.startswith("pids.")]
alive = [pid for name in names for pid in open(name).read().split() if is_alive(pid)]
open("alive." + attempt, "w").write(" ".join(alive))
child = os.fork()
if child == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()
with open("new", "w") as file:
    file.write("%d %d" % (os.getpid(), child))
os.rename("new", "pids." + attempt)
os.read(os.open(sys.argv[1], os.O_RDONLY), 1)
"""


@pooled_runner
async def runs_of_a_killed_agent_are_started_again(rig: Rig) -> None:
    """Runs whose agent is killed are ended, and started again at no retry's cost; those that had ended are not."""
    gate = rig.new_gate()
    heard: list[events.Event] = []
    async with rig.make_pooled() as runner:
        runner.listen(heard.append)
        ended = await runner.add(sh("echo once >> ended"), rig.directory)
        runs = [runner.add(python(_TELL_AND_WAIT, gate), rig.new_dir()) for _ in range(4)]
        for run in runs[:2]:
            await wait_file(run.run_dir, "pids.1")
        pids = [pid for run in runs[:2] for pid in _pids(run.run_dir, 1)]
        _kill_agents(runner.engine.agent_pids)
        for run in runs[:2]:
            await wait_file(run.run_dir, "pids.2")
        require(not any(map(is_alive, pids)), f"of the first attempts' processes {pids}, some live")
        gate.let_through(4)
        await runner.gather()
    found = [(run.status, run.attempts) for run in (ended, *runs)]
    require_equal("ends", found, [("success", 1)] + [("success", 2)] * 2 + [("success", 1)] * 2)
    ended_attempts = [event for event in heard if isinstance(event, events.AttemptEnded)]
    lost = [event.run for event in ended_attempts if event.cause is Cause.AGENT_LOST]
    require_equal("runs that lost their agent", sorted(lost), [run.id for run in runs[:2]])
    for run in runs[:2]:
        require_equal("found alive by a second attempt", read(run.run_dir, "alive.2"), "")
    require_equal("executions of the run that had ended", read(rig.directory, "ended"), "once\n")


@pooled_runner
async def an_idle_agent_that_was_killed_is_replaced(rig: Rig) -> None:
    """When an agent is killed that has nothing to do, another one takes its place, and runs added meanwhile wait."""
    lost = asyncio.Event()
    async with rig.make_pooled() as runner:
        runner.listen(lambda event: lost.set() if isinstance(event, events.AgentLost) else None)
        _kill_agents(runner.engine.agent_pids)
        await asyncio.wait_for(lost.wait(), PATIENCE_S)
        runs = [runner.add(sh("exit 0"), rig.directory) for _ in range(3)]
        await runner.gather()
    require_equal("ends", [(run.status, run.attempts) for run in runs], [("success", 1)] * 3)


@pooled_runner
async def a_cancelled_run_of_a_killed_agent_is_not_started_again(rig: Rig) -> None:
    """A run that is cancelled in the moment in which its agent dies ends, and is not started again."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        run = await rig.start_at_gate(runner, gate, first="echo x >> tries;")
        _kill_agents(runner.engine.agent_pids)
        runner.cancel(run)
        await asyncio.wait_for(runner.gather(), PATIENCE_S)
    require_equal("end", (run.status, run.cause, run.attempts), ("failure", Cause.KILLED, 1))
    require_equal("executions", read(run.run_dir, "tries"), "x\n")


@pooled_runner
async def a_block_can_be_left_while_its_agent_is_dead(rig: Rig) -> None:
    """Leaving the block right after the agent was killed ends the runs all the same."""
    gate = rig.new_gate()
    async with rig.make_pooled() as runner:
        run = await rig.start_at_gate(runner, gate)
        _kill_agents(runner.engine.agent_pids)
    rig.require_no_process()
    require(run.status in ("failure", "skipped"), f"the run is {run.status} after its runner was left")


def _kill_agents(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _pids(directory: str, attempt: int) -> list[int]:
    return [int(word) for word in read(directory, f"pids.{attempt}").split()]
