"""Whoever listens cannot disturb the runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from runsemble.model import events
from runsemble.testing.registry import pooled_runner
from runsemble.testing.require import PATIENCE_S, require, require_equal
from runsemble.testing.rig import Rig, sh


@pooled_runner
async def a_raising_subscriber_disturbs_nobody(rig: Rig) -> None:
    """What a listener raises is logged; runs and other listeners go on as if it were not there."""
    runner = rig.make_pooled()
    heard: list[events.Event] = []

    def fail(event: events.Event) -> None:
        raise ValueError("a listener of the check's, which raises on purpose")

    runner.listen(fail)
    runner.listen(heard.append)
    with _caught_log() as records:
        runs = [runner.add(sh(f"exit {at % 2}"), rig.directory) for at in range(10)]
        await runner.gather()
    require_equal("statuses", [run.status for run in runs], ["success", "failure"] * 5)
    require_equal(
        "ends that the other listener heard of", len([e for e in heard if isinstance(e, events.RunEnded)]), 10
    )
    require(any(record.exc_info for record in records), "the listener's exception was not logged")


@pooled_runner
async def a_subscriber_that_takes_nothing_disturbs_nobody(rig: Rig) -> None:
    """Events wait for a subscriber that is slow; nobody waits for it."""
    runner = rig.make_pooled()
    subscription = runner.bus.subscribe()
    result = await rig.study(runner, [{"x": x} for x in range(50)], sh("exit 0"))
    require_equal("successes", result.statistics.success_count, 50)
    runner.bus.unsubscribe(subscription)
    ended = [event async for event in subscription if isinstance(event, events.RunEnded)]
    require_equal("ends that waited for it", len(ended), 50)


@pooled_runner
async def events_can_be_iterated(rig: Rig) -> None:
    """`events()` yields what happens from then on, and ends when the runner is left."""
    async with rig.make_pooled() as runner:
        heard: list[events.Event] = []

        async def hear() -> None:
            heard.extend([event async for event in runner.events()])

        listening = asyncio.create_task(hear())
        await asyncio.sleep(0)
        runs = [runner.add(sh("exit 0"), rig.directory) for _ in range(3)]
        await runner.gather()
    await asyncio.wait_for(listening, PATIENCE_S)
    for kind in (events.RunAdded, events.RunStarted, events.AttemptEnded, events.RunEnded):
        told = sorted(event.run for event in heard if isinstance(event, kind))
        require_equal(f"runs of {kind.__name__}", told, [run.id for run in runs])


@contextmanager
def _caught_log() -> Iterator[list[logging.LogRecord]]:
    """Collect what runsemble logs instead of printing it."""
    records: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, collector = logging.getLogger("runsemble"), Collector()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield records
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagates
