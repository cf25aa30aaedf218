"""`multirun` on the runner: parameters in, results back, no further ahead than needed."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from runsemble.model import events
from runsemble.runners.pooled import PooledRunner
from runsemble.testing.files import read
from runsemble.testing.gate import WAIT_AT_GATE
from runsemble.testing.registry import any_runner, pooled_runner
from runsemble.testing.require import require, require_equal, wait_until
from runsemble.testing.rig import Rig, sh

#: Values that come back as they went, types included.
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**70, 0.1, -0.0, float("inf"), 1e-300, 3 + 4j, "", "é 漢\n'\"", b"\x00\xff", (1, (2,)),
    [1, [2.0]], {"a": {"b": 1}}, {1: "int key"}, {1, 2}, frozenset({3}), decimal.Decimal("0.10"),
    datetime.datetime(2024, 2, 29, 12, 0, 0, 1), datetime.date(1978, 1, 22),
)  # fmt: skip

_POST_PARAMS = "import runsemble; runsemble.postRunResults(runsemble.getRunParams())"

#: More parameter sets than anybody would take at once.
_MANY = 100_000


@any_runner
async def results_come_back_typed(rig: Rig) -> None:
    """What a run is given and what it posts keeps its value and its type."""
    runs = [{"value": value, "at": at} for at, value in enumerate(VALUES)]
    result = await rig.study(rig.make(), runs, [sys.executable, "-c", _POST_PARAMS])
    for run, wanted in zip(result, runs, strict=True):
        require_equal("status", run.status, "success")
        found = run.result
        require_equal("result", (found, repr(found)), (wanted, repr(wanted)))


@any_runner
async def parameters_stand_in_commands(rig: Rig) -> None:
    """Placeholders are replaced by each run's own parameters, and other braces stay."""
    cmd = sh('printf "%s" "$1" > seen; printf "%s" "$2" > braces', "{x:.2f}|{name}|{run_id}", "{print $1}")
    names = ["plain", "two words", "new\nline", "$HOME"]
    result = await rig.study(rig.make(), [{"x": at / 3, "name": name} for at, name in enumerate(names)], cmd)
    for at, (run, name) in enumerate(zip(result, names, strict=True)):
        require_equal("argument", read(run.run_dir, "seen"), f"{at / 3:.2f}|{name}|{at}")
        require_equal("braces", read(run.run_dir, "braces"), "{print $1}")


@pooled_runner
async def two_studies_share_a_runner(rig: Rig) -> None:
    """Studies may run at the same time on one runner; each has its own runs."""
    async with rig.make_pooled() as runner:
        studies = [rig.study(runner, [{"x": x} for x in range(6)], sh(f"exit {code}")) for code in (0, 1)]
        good, bad = await asyncio.gather(*studies)
        require_equal("return codes", [[r.returncode for r in s] for s in (good, bad)], [[0] * 6, [1] * 6])
        require_equal("total", runner.compute_statistics().total_count, 12)


@pooled_runner
async def a_generator_is_read_no_further_than_needed(rig: Rig) -> None:
    """Of a long iterable, no more is taken than a few runs per slot beyond those that have started."""
    runner = rig.make_pooled()
    pulled = started = most_ahead = 0

    def parameters() -> Iterator[dict[str, int]]:
        nonlocal pulled, most_ahead
        for pulled in range(1, _MANY + 1):
            most_ahead = max(most_ahead, pulled - started)
            yield {"x": pulled}

    def hear(event: events.Event) -> None:
        nonlocal started
        started += isinstance(event, events.RunStarted)

    runner.listen(hear)
    async with runner:
        most = _most_ahead(runner)
        study = asyncio.create_task(rig.study(runner, parameters(), sh("exit 0")))
        await wait_until(lambda: started >= 500 or study.done(), "500 runs to start")
        study.cancel()
        with suppress(asyncio.CancelledError):
            await study
    require(0 < pulled < _MANY, f"{pulled} parameter sets were taken")
    require(most_ahead <= most, f"{most_ahead} parameter sets were taken ahead, more than {most}")


@pooled_runner
async def a_generator_waits_while_nothing_can_start(rig: Rig) -> None:
    """While every slot is taken, the iterable is left alone."""
    runner = rig.make_pooled()
    gate = rig.new_gate()
    pulled = 0

    def parameters() -> Iterator[dict[str, int]]:
        nonlocal pulled
        for pulled in range(1, _MANY + 1):
            yield {"x": pulled}

    async with runner:
        most = _most_ahead(runner)
        study = asyncio.create_task(rig.study(runner, parameters(), sh(WAIT_AT_GATE, gate)))
        await wait_until(lambda: runner.compute_statistics().running_count == 2, "both slots to be taken")
        seen = pulled
        gate.let_through(10)
        await wait_until(lambda: runner.compute_statistics().success_count == 10, "ten runs to end")
        study.cancel()
        with suppress(asyncio.CancelledError):
            await study
    require(seen <= most, f"{seen} parameter sets were taken for two slots, more than {most}")
    require(pulled <= most + 10, f"{pulled} parameter sets were taken after ten runs, more than {most + 10}")


def _most_ahead(runner: PooledRunner) -> int:
    """Return how many runs may have been taken and not started: those on their way, and two per slot and 32 more."""
    return 3 * runner.engine.slots + 32
