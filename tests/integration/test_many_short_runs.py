"""Streams of very short runs, for which the engine sends ahead and starts a second agent."""

from __future__ import annotations

from pathlib import Path

from runsemble import ParallelLocalRunner, multirun
from runsemble.model import events


async def test_every_run_is_started_once_while_the_second_agent_comes_up(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    runner = ParallelLocalRunner(max_parallel=2)
    runner.listen(heard.append)
    for study in range(3):
        result = await multirun(
            runs=({"i": i} for i in range(800)),
            cmd=["/bin/true"],
            output_path=tmp_path / str(study),
            runner=runner,
            progress=False,
        )
        assert result.statistics.success_count == 800, result.failures[:3]
        started = [(event.run, event.attempt) for event in heard if isinstance(event, events.RunStarted)]
        assert len(started) == len(set(started)) == 800
        heard.clear()
