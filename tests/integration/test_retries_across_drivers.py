"""What a run has used up of its retries is not forgotten when another driver takes over."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from runsemble.ensemble.ensemble import Ensemble
from runsemble.model.status import Cause
from runsemble.sched.retry import RetryPolicy
from runsemble.store.file import store_path
from runsemble.store.records import CAUSE_NUMBER

from .ensembles import driven, made, shell, until
from .support import lines_of, text_of


def note_attempts(ensemble: Ensemble, *causes: Cause, ended: float = 0.0) -> None:
    """Write down attempts at run 0 as a driver does that dies before the next one."""
    with closing(sqlite3.connect(store_path(ensemble.path))) as db, db:
        for attempt, cause in enumerate(causes, 1):
            db.execute(
                "INSERT OR REPLACE INTO attempts (run, attempt, step, started, cause, wall_s) "
                "VALUES (0, ?, 0, ?, ?, 1.0)",
                (attempt, ended - 1.0, CAUSE_NUMBER[cause]),
            )
        row = (CAUSE_NUMBER[causes[-1]], len(causes))
        db.execute("UPDATE runs SET cause = ?, attempt = ? WHERE id = 0", row)


async def attempts(ensemble: Ensemble) -> int:
    return (await ensemble.run(0)).attempts


async def test_retries_are_not_granted_anew(here: Path) -> None:
    ensemble = await made(*shell("exit 1"), runs=1, retries=2)
    note_attempts(ensemble, Cause.EXIT, Cause.EXIT)
    await ensemble.execute()
    assert await attempts(ensemble) == 3


async def test_a_run_that_is_queued_again_has_all_its_retries_again(here: Path) -> None:
    ensemble = await made(*shell("exit 1"), runs=1, retries=1)
    await ensemble.execute()
    await ensemble.requeue_runs([0])
    note_attempts(ensemble, Cause.EXIT, Cause.EXIT, Cause.EXIT)
    await ensemble.execute()
    assert await attempts(ensemble) == 4


async def test_a_run_has_the_memory_and_the_time_that_it_was_given_before(here: Path) -> None:
    limits: dict[str, Any] = {"mem_mib": 16, "timeout_s": 1000.0, "retries": 3}
    script = "echo $RUNSEMBLE_MEM_MIB $((${RUNSEMBLE_DEADLINE%.*} - $(date +%s)))"
    ensemble = await made(*shell(script), runs=1, **limits)
    note_attempts(ensemble, Cause.OOM, Cause.TIMEOUT, Cause.OOM)
    await ensemble.execute()
    mem_mib, time_s = map(int, text_of((await ensemble.run(0)).stdout).split())
    assert mem_mib == 64
    assert 1500 < time_s <= 2000


async def test_a_wait_before_the_next_attempt_goes_on(here: Path) -> None:
    policy = RetryPolicy(retries=3, backoff_s=3000.0, backoff_max_s=3000.0)
    ensemble = await made(*shell("echo started >> ../../starts"), retries=policy, runs=2)
    note_attempts(ensemble, Cause.EXIT, ended=time.time() - 1000.0)
    async with driven(ensemble):
        await until("the other run has ended", lambda: has_ended(ensemble, 1))
        await ensemble.stop()
    assert lines_of("starts") == ["started"]
    assert (await ensemble.run(0)).status == "pending"
    note_attempts(ensemble, Cause.EXIT, ended=time.time() - 3001.0)
    await ensemble.execute()
    assert (await ensemble.run(0)).status == "success"


async def has_ended(ensemble: Ensemble, run: int) -> bool:
    return (await ensemble.run(run)).status == "success"
