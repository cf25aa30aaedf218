"""What the tests of the agent's parts share."""

from collections.abc import Callable
from typing import Any

import pytest

from runsemble.agent.attempt import Attempt
from runsemble.agent.spawn import Plan

MakePlan = Callable[..., Plan]
MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def plan_fields() -> dict[str, Any]:
    """A plan as the driver words it: fresh directories, output in files, nothing else."""
    return {"directory": "new", "env": {}, "output": "files", "stage": [], "timeout_s": None, "mem_mib": 0}


@pytest.fixture
def make_plan(plan_fields: dict[str, Any]) -> MakePlan:
    """Return a function that makes a plan which differs from that by some fields."""
    return lambda **changes: Plan({**plan_fields, **changes})


@pytest.fixture
def make_attempt(make_plan: MakePlan) -> MakeAttempt:
    """Return a function that makes the first attempt of a run, at work as process 100 + run."""

    def make(run: int, **changes: Any) -> Attempt:
        plan, key = make_plan(**changes), f"abc-{run}-1-0"
        attempt = Attempt(plan, run, 1, 0, run, b"/runs/%d" % run, "", None, [b"true"], {}, b"", 0, key)
        attempt.pid = 100 + run
        return attempt

    return make
