"""The ensemble that is killed: short runs, some that fail, each of which writes down that it was at work."""

from __future__ import annotations

import os
from typing import Any

from runsemble.model.step import Step
from runsemble.runners.options import StudyOptions
from runsemble.sched.retry import RetryPolicy

#: Writes down its begin and its end, each in one piece; ends with the exit code that it is told.
SCRIPT = """
echo "begin $RUNSEMBLE_RUN_ID $RUNSEMBLE_ATTEMPT $RUNSEMBLE_STEP" >> "$1"
sleep "$2"
echo "done $RUNSEMBLE_RUN_ID $RUNSEMBLE_ATTEMPT $RUNSEMBLE_STEP" >> "$1"
until echo "$RUNSEMBLE_RUN_ID" 2> /dev/null > "$RUNSEMBLE_RESULTS" || [ ! -d "$RUNSEMBLE_RUN_DIR" ]; do
    sleep 0.05
done
exit "$3"
"""
#: Seconds that runs take, one after the other.
DURATIONS = (0.0, 0.02, 0.15, 0.05, 0.0, 0.3, 0.1, 0.02)
#: Every so many-th run fails.
FAILS_EVERY = 7

#: A run may lose more agents here than it ever would elsewhere, and nobody waits for long after that.
RETRY = RetryPolicy(max_free=1_000_000, backoff_max_s=0.2)


def directory_of(home: str) -> str:
    """Return where the ensemble of a test lives: on a disk of its own, if the test has mounted one."""
    disk = os.path.join(home, "disk")
    return os.path.join(disk if os.path.isdir(disk) else home, "study")


def study_options(home: str, steps: int = 1, **options: Any) -> StudyOptions:
    """Return the options of an ensemble.

    Args:
        home: The test's directory.
        steps: Of every run.
        options: Further ones.
    """
    command = ["sh", "-c", SCRIPT, "sh", os.path.join(home, "effects"), "{t}", "{code}"]
    first = ["sh", "-c", SCRIPT, "sh", os.path.join(home, "effects"), "0.03", "0"]
    commands: dict[str, Any] = {"cmd": command} if steps == 1 else {"steps": (Step(first), Step(command))}
    return StudyOptions(output_path=directory_of(home), **{"retry": RETRY, **commands, **options})


def run_params(number: int, stretch: float = 1.0) -> dict[str, Any]:
    """Return the parameters of a run, which takes `stretch` times as long as others."""
    return {
        "t": f"{stretch * DURATIONS[number % len(DURATIONS)]:g}",
        "code": 3 if number % FAILS_EVERY == FAILS_EVERY - 1 else 0,
    }
