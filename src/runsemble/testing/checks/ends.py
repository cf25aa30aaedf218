"""How a run ended is told as it was."""

from __future__ import annotations

import signal

from runsemble.model.status import Cause
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal
from runsemble.testing.rig import Rig, sh


@any_runner
async def exit_codes_are_told(rig: Rig) -> None:
    """A run's return code is its exit code, and only 0 is a success."""
    runner = rig.make()
    runs = {code: runner.add(sh(f"exit {code}"), rig.directory) for code in (0, 1, 3, 255)}
    await runner.gather()
    for code, run in runs.items():
        require_equal(f"return code of `exit {code}`", run.returncode, code)
        require_equal(f"status of `exit {code}`", run.status, "success" if code == 0 else "failure")


@any_runner
async def a_signal_is_a_negative_return_code(rig: Rig) -> None:
    """A run that a signal ended has failed, and its return code is minus the signal's number."""
    runner = rig.make()
    numbers = (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
    runs = {number: runner.add(sh(f"kill -{number} $$; exit 0"), rig.directory) for number in numbers}
    await runner.gather()
    for number, run in runs.items():
        require_equal(f"return code after {number.name}", run.returncode, -number)
        require_equal(f"status after {number.name}", run.status, "failure")


@any_runner
async def a_missing_program_fails_its_run_alone(rig: Rig) -> None:
    """A command that cannot be started is a failed run, no exception, and the others go on."""
    runner = rig.make()
    script = rig.directory / "not-executable"
    script.write_text("#!/bin/sh\nexit 0\n")
    bad = [["/no/such/program"], ["no-such-program-at-all"], [str(script)], [str(rig.directory)]]
    runs = [runner.add(cmd, rig.directory) for cmd in (sh("exit 0"), *bad, sh("exit 0"))]
    await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success"] + ["failure"] * len(bad) + ["success"])
    for run in runs[1:-1]:
        require(run.returncode != 0, "a run that never started has return code 0")


@pooled_runner
async def causes_are_told(rig: Rig) -> None:
    """Why an attempt ended is told by its cause, and worded for people."""
    runner = rig.make_pooled()
    runs = {
        Cause.OK: runner.add(sh("exit 0"), rig.directory),
        Cause.EXIT: runner.add(sh("exit 7"), rig.directory),
        Cause.SIGNAL: runner.add(sh("kill -9 $$"), rig.directory),
        Cause.LAUNCH_ERROR: runner.add(["/no/such/program"], rig.directory),
        Cause.STAGING: runner.add(sh("exit 0"), rig.new_path()),
    }
    await runner.gather()
    require_equal("causes", [run.cause for run in runs.values()], list(runs))
    words = ["ok", "7", "SIGKILL", "/no/such/program", runs[Cause.STAGING].run_dir]
    for run, word in zip(runs.values(), words, strict=True):
        require(word in run.message, f"the message {run.message!r} does not say {word!r}")
    never_ran = [runs[Cause.LAUNCH_ERROR].returncode, runs[Cause.STAGING].returncode]
    require_equal("return codes of runs that never started", never_ran, [None, None])
