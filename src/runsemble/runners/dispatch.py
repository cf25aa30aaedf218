"""Who starts next, and where: the ready queue meets the pool, and what is granted is sent to an agent."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from runsemble.launch.environment import grant_environment
from runsemble.model.resources import Grant, Shape
from runsemble.runners.fleet import Fleet
from runsemble.runners.job import Job, Plan
from runsemble.runners.lease import Lease
from runsemble.runners.station import Station
from runsemble.sched.feed import window
from runsemble.sched.pool import Pool
from runsemble.sched.ready import PATIENCE_PER_SLOT, ReadyQueue
from runsemble.sched.tempo import Tempo


@dataclass(slots=True)
class Placement:
    """What a run is told of its grant."""

    pin: bool = False  #: whether it is confined to its cores
    gpu_vendor: str = ""  #: for the variable that tells it its GPUs


#: User code that waits for a grant of its own, in the same queue as the runs.
Waiter: TypeAlias = "asyncio.Future[Grant]"


class Dispatcher:
    """Grants what waits its resources, in order, and sends it on.

    Args:
        pool: What there is to grant.
        fleet: The agents.
        placement: What runs are told.
        refuse: Called with every run that must not start any more, and why.
        epoch: Sets this driver's leases apart from those of others that agents may still hold.
    """

    def __init__(
        self, pool: Pool, fleet: Fleet, placement: Placement, refuse: Callable[[Job, str], None], epoch: int = 0
    ) -> None:
        self.is_paused = False  #: nothing is started, for want of disk space
        self.is_held = False  #: nothing is started, since it could not be written down
        self.tempo = Tempo()
        self.window = window(pool.slots)  #: how many runs may be taken in and not started
        self._pool = pool
        self._fleet = fleet
        self._placement = placement
        self._refuse = refuse
        self._later: list[tuple[float, int, Job]] = []  #: runs that wait for their time, a heap
        self._later_handle: asyncio.TimerHandle | None = None
        self._later_count = 0
        self._ready: ReadyQueue[Job | Waiter] = ReadyQueue(PATIENCE_PER_SLOT * max(1, pool.slots))
        self._lanes: dict[tuple[Shape, int, bool], int] = {}
        self._lease_count = epoch << 32
        self._first_lane = epoch << 20

    @property
    def can_start(self) -> bool:
        """Whether anything could be started now, if there is room for it."""
        return self._fleet.is_whole and not self.is_paused and not self.is_held

    @property
    def waiting_count(self) -> int:
        """Runs taken in that have not been started."""
        return len(self._ready) + sum(station.ahead_count for station in self._fleet.stations)

    def push(self, job: Job, *, is_begun: bool = False) -> None:
        """Let a job wait for its turn, once it is due; one that was begun before comes before those that were not."""
        job.place = None
        if job.due_at and job.due_at > time.monotonic():
            self._later_count += 1
            heapq.heappush(self._later, (job.due_at, self._later_count, job))
            self._set_clock()
        else:
            self._ready.push(job, job.plan.shape, is_first=is_begun)

    def _set_clock(self) -> None:
        if self._later_handle is not None:
            self._later_handle.cancel()
            self._later_handle = None
        if self._later:
            delay_s = max(0.0, self._later[0][0] - time.monotonic())
            self._later_handle = asyncio.get_running_loop().call_later(delay_s, self._push_due)

    def _push_due(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            self.push(heapq.heappop(self._later)[2])
        self._set_clock()
        self.start()

    def close(self) -> None:
        """Wait for nobody's time any more."""
        self._later.clear()
        self._set_clock()

    @property
    def ready_jobs(self) -> list[Job]:
        """The jobs that wait for their turn and for nothing else, the oldest first within a shape."""
        return [item for item in self._ready if isinstance(item, Job)]

    def remove(self, is_meant: Callable[[Job], bool]) -> list[Job]:
        """Take out every job that waits here and is meant."""
        removed = self._ready.remove(lambda item: isinstance(item, Job) and is_meant(item))
        later = [entry[2] for entry in self._later if is_meant(entry[2])]
        if later:
            self._later = [entry for entry in self._later if entry[2] not in later]
            heapq.heapify(self._later)
        return [item for item in removed if isinstance(item, Job)] + later

    async def request(self, shape: Shape) -> Grant:
        """Wait for a grant for user code, in the same queue as the runs; `start` must follow if this raises."""
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._ready.push(waiter, shape)
        self.start()
        try:
            return await waiter
        except BaseException:
            if not waiter.cancel() and not waiter.cancelled() and waiter.exception() is None:
                self._pool.release(waiter.result())  # it was granted in the very same moment
            raise

    def refuse_waiters(self, error: Exception) -> None:
        """Let user code that waits for a grant wait no longer: there will be none."""
        for item in self._ready.remove(lambda item: not isinstance(item, Job)):
            if isinstance(item, asyncio.Future) and not item.done():
                item.set_exception(error)

    def start(self) -> None:
        """Start whatever can be started now."""
        if not self.can_start:
            return
        while (popped := self._ready.pop(self._pool)) is not None:
            item, grant = popped
            if isinstance(item, Job):
                reason = self._why_not(item)
                if reason is None:
                    self._send_leased(item, grant)
                else:
                    self._pool.release(grant)
                    self._refuse(item, reason)
            elif item.done():  # cancelled while it waited
                self._pool.release(grant)
            else:
                item.set_result(grant)
        if self._ready:
            self._send_ahead()
        else:
            self._call_back()

    @staticmethod
    def _why_not(job: Job) -> str | None:
        """Return why a run must not start any more, None if it may."""
        plan = job.plan
        if plan.deadline is None:
            return None
        timeout_s = None if plan.hook is not None else plan.fields["timeout_s"]  # what no hook comes near
        return plan.deadline.why_not(plan.shape, timeout_s, time.monotonic())

    def _send_leased(self, job: Job, grant: Grant) -> None:
        self._lease_count += 1
        env = grant_environment(grant, job.plan.tasks, self._placement.gpu_vendor)
        wire = [self._lease_count, list(grant.cores) if self._placement.pin else [], env]
        lane = self.lane(job.plan)
        self._fleet.station_for(grant, calls=job.plan.is_call).send_run(
            job, lane, Lease(self._lease_count, lane, grant, wire)
        )

    def lane(self, plan: Plan) -> int:
        """Return the number that runs share which may inherit each other's lease."""
        return self._lanes.setdefault((plan.shape, plan.tasks, plan.is_call), self._first_lane + len(self._lanes))

    def agents_for(self, plan: Plan) -> Callable[[int], int]:
        """Return what says how many agents it takes on the node of an index, were all runs like those of a plan."""

        def count(node: int) -> int:
            slots, cores = self._pool.capacity_of(node, plan.shape), len(self._pool.nodes[node].cores)
            pin = self._placement.pin
            return self.tempo.agents(plan.shape, slots, cores, are_calls=plan.is_call, are_pinned=pin)

        return count

    def _send_ahead(self) -> None:
        """Send short runs ahead of their grant, as long as all that wait are of one shape and order is kept."""
        shape = self._ready.only_shape
        if shape is None:
            return
        head = self._ready.head(shape)
        if not isinstance(head, Job):
            return
        able = [station for station in self._fleet.current if station.calls == head.plan.is_call]
        busy = [station for station in able if station.leases]
        if len(busy) < len(able) and any(len(station.leases) > 1 for station in busy):
            return  # an agent has nothing to do yet: let leases come back, and be shared out anew
        share = self.window // len(able)  # one agent must not hold what another could start
        for station in busy:
            if not self._fill(station, shape, share):
                return

    def _call_back(self) -> None:
        """Call back runs that wait at an agent behind long ones, for what is free elsewhere."""
        holding = [station for station in self._fleet.current if station.ahead_count]
        called = sum(station.called_count for station in holding)
        for station in sorted(holding, key=lambda station: -station.ahead_count):
            for job in station.callable_jobs:
                if self._pool.room(job.plan.shape) <= called:
                    return
                station.call_back(job)
                called += 1

    def _fill(self, station: Station, shape: Shape, share: int) -> bool:
        """Send an agent what keeps it busy; False when user code comes next, or a run that is not to be sent ahead.

        No run may overtake either.
        """
        while self._ready:
            job = self._ready.head(shape)
            if not isinstance(job, Job) or not job.plan.is_sent_ahead or job.plan.is_call != station.calls:
                return False
            lane = self.lane(job.plan)
            if station.ahead_of(lane) >= self.tempo.ahead(shape, station.leases_of(lane), share):
                break
            self._ready.take(shape)
            station.send_run(job, lane, None)
        return True
