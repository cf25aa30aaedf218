"""The status of a runner beside what is at work on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runsemble import ParallelLocalRunner, display_status, multirun


async def test_it_ends_with_a_study_that_had_no_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runner = ParallelLocalRunner()
    study = multirun(runs=[], cmd=["true"], runner=runner, progress=False)
    async with asyncio.timeout(20):
        await asyncio.gather(display_status(runner), study)
    assert capsys.readouterr().err == ""


async def test_it_ends_with_a_gather_that_had_nothing_to_wait_for() -> None:
    runner = ParallelLocalRunner()
    async with asyncio.timeout(20):
        await asyncio.gather(display_status(runner), runner.gather())


async def test_it_ends_with_a_study_in_a_runner_that_is_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with asyncio.timeout(20), ParallelLocalRunner() as runner:
        bar = asyncio.create_task(display_status(runner))
        await multirun(runs=[{}] * 3, cmd=["true"], runner=runner, progress=False)
        await bar
    assert capsys.readouterr().err.startswith("3/3 runs in ")
