"""The public test kit: suites that hold every implementation of a contract to its promises.

from runsemble.testing import check_runner
report = await check_runner(lambda **sizes: MyRunner(sizes.get("max_parallel")))
"""

from __future__ import annotations

from runsemble.testing.registry import CHECKS as CHECKS
from runsemble.testing.registry import Check as Check
from runsemble.testing.require import wait_until as wait_until
from runsemble.testing.rig import Factory as Factory
from runsemble.testing.suite import Report as Report
from runsemble.testing.suite import check_runner as check_runner

__all__ = ["CHECKS", "Check", "Factory", "Report", "check_runner", "wait_until"]
