"""When a run is over nothing of it lives on, and no other run is touched."""

from __future__ import annotations

import sys
from pathlib import Path

from runsemble.model.status import Cause
from runsemble.testing.files import exists, read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import require, require_equal, wait_file, wait_gone
from runsemble.testing.rig import Rig, python, sh

#: Ignores TERM; so does its grandchild, in a session of its own. Both say that they are there, then wait forever.
_STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    name = "grandchild"
else:
    os.wait()
    name = "started"
with open(name + ".new", "w") as file:
    file.write(str(os.getpid()))
os.rename(name + ".new", name)
while True:
    signal.pause()
"""

#: Leaves a process behind that has a session of its own, no parent, no environment and no word of its origin.
_HIDE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    with open("hidden.new", "w") as file:
        file.write(str(os.getpid()))
    os.rename("hidden.new", "hidden")
    os.chdir("/")
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"], {})
while not os.path.exists("hidden"):
    time.sleep(0.001)
while open("/proc/" + open("hidden").read() + "/environ", "rb").read():
    time.sleep(0.001)
"""


@pooled_runner
async def a_stubborn_run_leaves_nothing(rig: Rig) -> None:
    """A cancelled run that ignores TERM ends after the grace period with all it started; its neighbour goes on."""
    gate, guilty = rig.new_gate(), rig.new_dir()
    async with rig.make_pooled() as runner:
        innocent = runner.add(sh(WAIT_AT_GATE, gate), rig.directory)
        run = runner.add(python(_STUBBORN), guilty)
        for path in (rig.directory / "started", guilty / "started", guilty / "grandchild"):
            await wait_file(path)
        pids = [_pid(guilty / "started"), _pid(guilty / "grandchild")]
        runner.cancel(run)
        await run
        require_equal("end", (run.status, run.cause, run.returncode), ("failure", Cause.KILLED, -9))
        for pid in pids:
            require(not exists(f"/proc/{pid}"), f"process {pid} of a run that is over lives")
        require_equal("status of the innocent run", innocent.status, "running")
        gate.let_through()
        await innocent
    require_equal("end of the innocent run", (innocent.status, innocent.attempts), ("success", 1))


@pooled_runner
async def what_a_successful_run_left_behind_is_ended(rig: Rig) -> None:
    """A background process of a run that succeeded is ended with it, and does not change how it ended."""
    async with rig.make_pooled() as runner:
        background = "import os, signal; open('background', 'w').write(str(os.getpid())); signal.pause()"
        cmd = sh('"$0" -I -S -c "$1" & while [ ! -s background ]; do :; done; exit 0', background)
        run = await runner.add([*cmd[:3], sys.executable, *cmd[4:]], rig.directory)
        require_equal("end", (run.status, run.returncode), ("success", 0))
        pid = _pid(rig.directory / "background")
        require(not exists(f"/proc/{pid}"), "a background process of a run that is over lives")


@pooled_runner
async def a_process_that_hid_itself_is_found(rig: Rig) -> None:
    """A process that left its session, its parent and its environment behind ends with its run, if none other lives."""
    async with rig.make_pooled() as runner:
        run = await runner.add(python(_HIDE), rig.directory)
        require_equal("status", run.status, "success")
        await wait_gone(_pid(rig.directory / "hidden"), timeout_s=5.0)


@pooled_runner
async def a_hidden_process_outlives_no_neighbour(rig: Rig) -> None:
    """A process that could be another run's is left alone while that one lives, and ended afterwards."""
    gate, guilty = rig.new_gate(), rig.new_dir()
    async with rig.make_pooled() as runner:
        innocent = await rig.start_at_gate(runner, gate)
        run = await runner.add(python(_HIDE), guilty)
        require_equal("statuses", (run.status, innocent.status), ("success", "running"))
        gate.let_through()
        await innocent
        await wait_gone(_pid(guilty / "hidden"), timeout_s=5.0)
    require_equal("status of the innocent run", innocent.status, "success")


def _pid(path: Path) -> int:
    return int(read(path))
