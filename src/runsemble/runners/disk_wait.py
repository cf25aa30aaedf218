"""Holds runs back while the disk is full, be it theirs or the one of the record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from runsemble.model import events
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.dispatch import Dispatcher
from runsemble.runners.ending import Ending
from runsemble.runners.fleet import Fleet
from runsemble.runners.job import Job
from runsemble.sched import drought
from runsemble.sched.drought import Drought


class DiskWait:
    """What waits for space on a disk.

    Args:
        dispatcher: Starts runs, or not.
        fleet: Where runs are that may yet bring space back.
        ending: Ends those for which there is no hope.
        bus: Where it is told.
        pump: Starts what can be started.
    """

    def __init__(
        self, dispatcher: Dispatcher, fleet: Fleet, ending: Ending, bus: EventBus, pump: Callable[[], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._ending = ending
        self._bus = bus
        self._pump = pump
        self._drought = Drought()
        self._retry_handle: asyncio.TimerHandle | None = None
        self._hold_handle: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Wait no more."""
        for handle in (self._retry_handle, self._hold_handle):
            if handle is not None:
                handle.cancel()

    def pause(self, reason: str) -> None:
        """Start nothing new as long as nothing can be written down; "" means that it can be again."""
        if bool(reason) == self._dispatcher.is_held:
            return
        self._dispatcher.is_held = bool(reason)
        if self._hold_handle is not None:
            self._hold_handle.cancel()
        loop = asyncio.get_running_loop()
        self._hold_handle = loop.call_later(drought.PATIENCE_S, self._stop_holding) if reason else None
        if self._drought.since is None:  # else that has been said
            self._bus.publish(events.Paused(reason) if reason else events.Resumed())
        self._pump()

    def _stop_holding(self) -> None:
        """Start runs although nothing can be written down: their own need of the disk decides what becomes of them."""
        self._dispatcher.is_held = False
        self._pump()

    def note_start(self) -> None:
        """Take in that a run has started, so that there is space."""
        if self._drought.end() and not self._dispatcher.is_held:
            self._bus.publish(events.Resumed())

    def holds(self, job: Job, message: str) -> bool:
        """Hold back a job that met a full disk, with everything that waits already; False: no hope is left.

        Runs that are under way go on.
        """
        now = time.monotonic()
        if self._drought.begin(now):
            if not self._dispatcher.is_held:  # else that has been said
                self._bus.publish(events.Paused(f"the disk is full ({message})"))
        elif self._drought.is_hopeless(now, any(station.jobs for station in self._fleet.stations)):
            self._bus.publish(events.Aborted("the disk stayed full"))
            self._ending.skip_waiting()
            job.stop_cause = Cause.DISK_FULL
            return False
        self._dispatcher.is_paused = True
        if self._retry_handle is None:
            self._retry_handle = asyncio.get_running_loop().call_later(drought.RETRY_S, self._try_again)
        return True

    def _try_again(self) -> None:
        """Look whether there is space on the disk again."""
        self._retry_handle = None
        self._dispatcher.is_paused = False
        self._pump()
