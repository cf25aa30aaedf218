"""Drives an ensemble in a process of its own, which outlives the one that starts it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import anyio
import anyio.to_thread

from runsemble.ensemble.overview import drivers_of
from runsemble.ensemble.private import make_private_directory, private_directory
from runsemble.errors import LeaseError
from runsemble.launch.environment import base_environment
from runsemble.meanwhile import meanwhile
from runsemble.store.reader import reading

#: What a detached driver writes, in the private directory.
LOG = "driver.log"
#: Seconds within which it has to have taken the study over.
START_S = 30.0
POLL_S = 0.02
#: What it says at the end when all is well.
WELL = b"+"
#: Seconds to wait for whoever holds the lease: a command does for a moment only.
PATIENCE_S = 1.0

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from runsemble.ensemble.detached import main; sys.exit(main())"
)


async def start_detached(directory: str, **execution: Any) -> int:
    """Start a driver; return its process id once it has the lease, or is a guest, or has done its work.

    Args:
        directory: The study's.
        execution: See `driver.Execution`; ready for JSON.

    Raises:
        LeaseError: Another driver has the lease, or this one did not come up; the text ends with what it said.
    """
    async with reading(directory) as reader:
        before = await reader.lease()
        give_up = time.monotonic() + PATIENCE_S
        while not before.is_free_now and not execution.get("allow_multiple"):
            if time.monotonic() > give_up:
                raise LeaseError(f"the study in {directory} is being driven by {before.holder}", holder=before.holder)
            await anyio.sleep(POLL_S)
            before = await reader.lease()
        pid, life = await anyio.to_thread.run_sync(_spawn, directory, json.dumps(execution))
        try:
            give_up = time.monotonic() + START_S
            while time.monotonic() < give_up:
                if any(who.pid == pid for who in await drivers_of(reader)):
                    return pid
                end = await anyio.to_thread.run_sync(_end_of, life)
                if end == WELL:
                    return pid
                if end is not None:
                    break
                await anyio.sleep(POLL_S)
        finally:
            os.close(life)
    raise LeaseError(f"the driver did not start: {await anyio.to_thread.run_sync(_last_line, directory)}")


def _spawn(directory: str, execution: str) -> tuple[int, int]:
    """Start a driver that is no child of this process; return its process id, and a pipe that is open while it lives.

    A child would have to be waited for, by a program that does not know of it.
    """
    private = make_private_directory(directory)
    log = os.open(os.path.join(private, LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    life, life_end = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, life_end, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    env = base_environment(os.environ)  # the path travels apart: runs are not to see it
    argv = [sys.executable, "-c", _START, json.dumps(list(filter(None, sys.path))), directory, execution]
    try:
        parent = os.posix_spawn(
            sys.executable, argv, env, file_actions=actions, setsid=True, setsigmask=(),
            setsigdef=sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}),
        )  # fmt: skip
    finally:
        for fd in (log, null, life_end):
            os.close(fd)
    os.waitpid(parent, 0)
    said = os.read(life, 64)
    os.set_blocking(life, False)
    return int(said or 0), life


def _end_of(life: int) -> bytes | None:
    """Return what a driver has said of its end: `WELL`, or nothing; None as long as it lives."""
    try:
        return os.read(life, 64)
    except BlockingIOError:
        return None


def _last_line(directory: str) -> str:
    with open(os.path.join(private_directory(directory), LOG), encoding="utf-8", errors="replace") as file:
        lines = file.read().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


async def _drive(directory: str, execution: dict[str, Any]) -> None:
    from runsemble.ensemble.drive import Drive
    from runsemble.ensemble.execution import Execution

    driver = Drive(directory, Execution(**execution))
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:

        async def obey() -> None:
            async for number in signals:
                if number != signal.SIGHUP:  # the terminal's end is none of ours
                    driver.end("stop")

        async with meanwhile(obey()):
            await driver.run()


def main() -> int:
    """Become a detached driver; return the exit status."""
    child = os.fork()
    if child:
        os.write(1, b"%d" % child)
        os._exit(0)
    life = os.dup(1)  # closed by the end of this process alone, which is how others see it; no run inherits it
    os.dup2(2, 1)
    directory, execution = sys.argv[1:3]
    try:
        anyio.run(_drive, directory, json.loads(execution))
    except Exception as error:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {error}", file=sys.stderr)  # noqa: T201 - the log
        return 1
    with suppress(OSError):  # nobody may be left to hear it
        os.write(life, WELL)
    return 0
