"""A quick look at one run tells what an ensemble tells of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.glimpse import glimpse_run, glimpse_setting
from runsemble.errors import UsageError

SCRIPT = "echo {x} > results.json; exit {x}"


async def test_it_tells_the_same_as_a_long_one(here: Path) -> None:
    ensemble = await Ensemble.create("study", runs=[{"x": 0}, {"x": 3}], cmd=["sh", "-c", SCRIPT], keep="failed")
    before = await asyncio.to_thread(glimpse_run, ensemble.path, 0)
    assert before == await ensemble.run(0)
    assert (before.status, before.last_attempt, before.has_result) == ("pending", None, False)
    await ensemble.execute()
    for run in range(2):
        seen = await asyncio.to_thread(glimpse_run, ensemble.path, run)
        assert seen == await ensemble.run(run)
        assert (seen.returncode, seen.keep, seen.last_attempt is not None) == (3 * run, "failed", True)
        assert seen.read_result() == 3 * run
    with pytest.raises(UsageError, match="there is no run 2 in "):
        await asyncio.to_thread(glimpse_run, ensemble.path, 2)
    assert await asyncio.to_thread(glimpse_setting, ensemble.path, "keep") == "failed"
