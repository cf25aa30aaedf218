"""An agent that cannot be kept alive."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from runsemble import AgentError, ParallelLocalRunner, multirun
from runsemble.model import events


async def test_a_study_whose_agent_dies_again_and_again_ends_with_one_sentence(tmp_path: Path) -> None:
    runner = ParallelLocalRunner(cores=1)

    def kill(event: events.Event) -> None:
        if isinstance(event, events.AgentStarted):
            os.kill(event.pid, signal.SIGKILL)

    runner.listen(kill)
    with pytest.raises(AgentError, match=r"died .*times within a minute|died at once"):
        await multirun(
            runs=[{"i": i} for i in range(3)],
            cmd=["sleep", "60"],
            output_path=tmp_path / "out",
            runner=runner,
            progress=False,
        )
