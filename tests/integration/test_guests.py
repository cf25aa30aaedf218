"""Ensembles with several drivers: one writes, the others are its guests; every run is one driver's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from runsemble.cli.status import status_lines
from runsemble.ensemble.driver import Driver
from runsemble.ensemble.ensemble import Ensemble
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.overview import overview
from runsemble.errors import LeaseError
from runsemble.runners.local import ParallelLocalRunner
from runsemble.store.reader import reading

from .ensembles import until
from .support import Gate

#: What runs write when they begin.
BEGUN = "begun"
#: A run that says where it is, and waits.
SCRIPT = f"echo $RUNSEMBLE_RUN_ID $PPID >> ../{BEGUN}; "


async def made(script: str, runs: int = 4, **options: Any) -> Ensemble:
    return await Ensemble.create("study", runs=({"x": x} for x in range(runs)), cmd=["sh", "-c", script], **options)


class Crew:
    """Drivers of one ensemble in this process."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.drivers: list[Driver] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._ensemble = ensemble

    async def hire(self, is_at_work: Callable[[], Any] | None = None, **execution: Any) -> None:
        """Start a driver; return when it holds the lease or is a guest."""
        how = Execution(**{"max_concurrency": 1, "allow_multiple": True, **execution})
        self.drivers.append(Driver(self._ensemble.path, how))
        self.tasks.append(asyncio.create_task(self.drivers[-1].run()))

        async def has_come() -> bool:
            if self.tasks[-1].done():
                self.tasks[-1].result()
            async with reading(self._ensemble.path) as reader:
                return len(await reader.guests()) >= len(self.drivers) - 1 and (await reader.lease()).holder is not None

        await until("the driver is there", has_come)

    async def ended(self) -> None:
        """Wait until all of them have ended; nothing must be left on record of any."""
        await asyncio.gather(*self.tasks)
        async with reading(self._ensemble.path) as reader:
            assert (await reader.guests(), await reader.claims(), await reader.agents()) == ({}, [], [])
            assert (await reader.lease()).holder is None


@asynccontextmanager
async def crew_of(ensemble: Ensemble) -> AsyncIterator[Crew]:
    crew = Crew(ensemble)
    try:
        yield crew
    finally:
        for task in crew.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def begun() -> dict[int, str]:
    """Return the agents of the runs that have begun, by run; none has begun twice."""
    path = Path("study") / BEGUN
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    assert len({run for run, _ in lines}) == len(lines), lines
    return {int(run): agent for run, agent in lines}


async def until_begun(count: int) -> dict[int, str]:
    async def look() -> dict[int, str]:
        found = begun()
        return found if len(found) >= count else {}

    return await until(f"{count} runs have begun", look)


async def test_guests_take_part_and_every_run_is_one_drivers(here: Path, gate: Gate) -> None:
    ensemble = await made(SCRIPT + gate.words, runs=7)
    async with crew_of(ensemble) as crew:
        for _ in range(3):
            await crew.hire()
        agents = await until_begun(3)
        assert len(set(agents.values())) == 3
        seen = await overview(ensemble.path)
        assert len(seen.guests) == 2
        assert sum("  with process " in line for line in status_lines(seen, "study", 100)) == 2
        with pytest.raises(LeaseError, match="is being driven by process"):
            await Driver(ensemble.path, Execution(patience_s=0.0)).run()
        gate.open()
        await crew.ended()
    assert (await ensemble.counts())["success"] == 7
    assert len(begun()) == 7
    holder = crew.drivers[0]
    assert (holder.statistics.success_count, holder.statistics.complete_count) == (7, 7)


async def test_runs_of_guests_can_be_killed_and_requeued(here: Path, gate: Gate) -> None:
    ensemble = await made(SCRIPT + gate.words, runs=3)
    async with crew_of(ensemble) as crew:
        await crew.hire()
        await until_begun(1)
        await crew.hire()
        await until_begun(2)
        async with reading(ensemble.path) as reader:
            theirs = [claim.run for claim in await reader.claims()]
        assert await ensemble.dequeue_runs(theirs) == theirs

        async def are_killed() -> bool:
            return await ensemble.count_by_status("killed") == len(theirs)

        await until("they are killed", are_killed)
        assert crew.drivers[0].statistics.skipped_count == len(theirs)
        await ensemble.requeue_runs(theirs)
        (Path("study") / BEGUN).unlink()
        gate.open()
        await crew.ended()
    assert (await ensemble.counts())["success"] == 3
    assert sum([(await ensemble.run(run)).attempts for run in range(3)]) == 4


@pytest.mark.parametrize("how", ["drain", "stop"])
async def test_what_ends_an_ensemble_reaches_guests(here: Path, gate: Gate, how: str) -> None:
    ensemble = await made(SCRIPT + gate.words, runs=9)
    async with crew_of(ensemble) as crew:
        for _ in range(2):
            await crew.hire()
        await until_begun(2)
        await (ensemble.drain() if how == "drain" else ensemble.stop())
        if how == "drain":

            async def have_obeyed() -> bool:
                return all(driver.was_ended for driver in crew.drivers)

            await until("all have obeyed", have_obeyed)
            gate.open()
        await crew.ended()
    counts = await ensemble.counts()
    assert (counts["success"], counts["pending"]) == ((2, 7) if how == "drain" else (0, 9))


async def test_a_guest_goes_on_where_the_driver_is_ended(here: Path, gate: Gate) -> None:
    ensemble = await made(SCRIPT + gate.words, runs=5)
    async with crew_of(ensemble) as crew:
        for _ in range(3):
            await crew.hire()
        agents = await until_begun(3)
        crew.drivers[0].end("stop")
        await crew.tasks[0]
        (Path("study") / BEGUN).write_text("".join(f"{run} {agent}\n" for run, agent in agents.items() if run))
        gate.open()
        await crew.ended()
    assert (await ensemble.counts())["success"] == 5
    assert [(await ensemble.run(run)).attempts for run in sorted(agents)].count(2) == 1


async def test_runs_too_large_for_a_guest_are_left_to_others(here: Path, gate: Gate) -> None:
    ensemble = await made(SCRIPT + gate.words, runs=3, mem_mib=64)
    async with crew_of(ensemble) as crew:
        await crew.hire(make_runner=lambda: ParallelLocalRunner(1, mem_mib=100))
        await crew.hire(make_runner=lambda: ParallelLocalRunner(1, mem_mib=32))
        await crew.tasks[1]
        assert crew.drivers[1].statistics.total_count == 0
        gate.open()
        await crew.ended()
    assert (await ensemble.counts())["success"] == 3


async def test_failures_of_guests_count(here: Path) -> None:
    both = "echo $PPID >> ../agents; until [ $(sort -u ../agents | wc -l) -ge 2 ]; do sleep 0.02; done"
    ensemble = await made(f"{both}; false", runs=40, max_failures=3)
    async with crew_of(ensemble) as crew:
        for _ in range(2):
            await crew.hire()
        await crew.ended()
    counts = await ensemble.counts()
    assert counts["failure"] < 40
    assert counts["failure"] + counts["pending"] == 40
    assert crew.drivers[0].reason


async def test_a_driver_that_takes_no_guests_is_left_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runsemble.ensemble.guest_pen.JOIN_S", 0.2)
    ensemble = await made("true")
    from runsemble.store.writer import hold_lease

    async with hold_lease(ensemble.path):
        with pytest.raises(LeaseError, match="which does not answer"):
            await Driver(ensemble.path, Execution(allow_multiple=True)).run()
