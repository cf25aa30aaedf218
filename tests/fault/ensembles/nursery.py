"""A process that has everything loaded and forks drivers off itself, so that hundreds of them take no time to start.

It is asked in lines of JSON on its standard input, and answers each with one on its standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from runsemble.ensemble import creation, multirun
from runsemble.ensemble.driver import Driver
from runsemble.ensemble.execution import Execution
from runsemble.errors import RunsembleError
from runsemble.runners.progress import Showing
from runsemble.testing import faults

from . import agent_points, driver_points
from .study import directory_of, run_params, study_options

_LOADED = (multirun,)  # before the first fork

SOURCE = os.path.dirname(os.path.dirname(faults.__file__))


def be_driver(home: str, task: str, options: dict[str, Any]) -> int:
    """Be one driver; return the exit status: 0 when it has done its work, 3 if it ended with an error of ours."""
    os.environ[agent_points.HOME], os.environ[agent_points.SOURCE] = home, SOURCE
    faults.enlist("driver", home)
    driver_points.install()
    driver_points.tally(os.path.join(home, "tally"))
    driver_points.note_places(os.path.join(home, "places"))
    _prepare(options)
    try:
        asyncio.run(_TASKS[task](home, options))
    except RunsembleError as error:
        print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201 - read by the tests
        return 3
    except BaseException:
        traceback.print_exc()
        return 4
    return 0


def _prepare(options: dict[str, Any]) -> None:
    """Be a driver as the options say that are no options of a driver."""
    if not options.pop("gives_up", False):
        driver_points.revive_for_ever()
    if options.pop("acknowledges_early", False):
        driver_points.acknowledge_too_early()
    lease_s = options.pop("lease_s", None)
    if lease_s is not None:
        driver_points.expire_after(lease_s)
    answer_s = options.pop("answer_s", None)
    if answer_s is not None:
        driver_points.wait_for_agents(answer_s)
    jump_s = options.pop("clock_jumps_s", None)
    if jump_s is not None:
        driver_points.let_clock_jump(jump_s)


async def _make(home: str, options: dict[str, Any]) -> None:
    count, stretch = options.pop("count"), options.pop("stretch", 1.0)
    runs = (run_params(number, stretch) for number in range(count))
    await creation.create(study_options(home, **options), runs)


async def _drive(home: str, options: dict[str, Any]) -> None:
    showing = Showing(options.pop("shows", False))
    await Driver(directory_of(home), Execution(**{"max_concurrency": 4, "showing": showing, **options})).run()


_TASKS = {"make": _make, "drive": _drive}


def _fork(home: str, task: str, options: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 4
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null = os.open(os.devnull, os.O_RDONLY)
        said = os.open(os.path.join(home, "said"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(null, 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        status = be_driver(home, task, options)
    finally:
        sys.stdout.flush()
        os._exit(status)


def _wait(pid: int, timeout_s: float) -> int | None:
    """Wait for a driver to end; return its status as subprocess words it, None if it has not."""
    pidfd = os.pidfd_open(pid)
    try:
        if not select.select([pidfd], [], [], timeout_s)[0]:
            return None
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Answer until standard input ends."""
    acts: dict[str, Callable[..., int | None]] = {"fork": _fork, "wait": _wait}
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        answers.write(json.dumps(acts[what](*arguments)) + "\n")


if __name__ == "__main__":
    main()
