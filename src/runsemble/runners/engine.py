"""The pooled engine: grants, sends, hears of ends, judges, and does so until nothing is left.

Everything here happens in synchronous turns of the event loop: a message from an agent is handled, what it frees is
granted again, and the requests go out, before anything else can run. Nothing is created per pending run but its job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from runsemble import codec
from runsemble.agent.protocol import Exit
from runsemble.model import events
from runsemble.model.resources import Grant, Shape
from runsemble.model.result import Usage, describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.dispatch import Dispatcher, Placement
from runsemble.runners.fleet import Fleet, FleetListener
from runsemble.runners.station import Node, Station
from runsemble.runners.table import NO_END, End, Job, RunTable
from runsemble.sched.drought import RETRY_S, Drought
from runsemble.sched.machine import Verdict
from runsemble.sched.policy import RetryPolicy
from runsemble.sched.pool import Pool

_NO_RETRY = RetryPolicy(retries=0, max_free=0)


class Engine:
    """Sees jobs through on the agents of some nodes, within what one pool can grant.

    Args:
        nodes: In the order of the pool's inventories.
        pool: What there is to grant.
        bus: Where events go.
        pin: Whether runs are confined to the cores of their grant.
        gpu_vendor: For the variable that tells a run its GPUs.
        grace_s: Seconds between TERM and KILL.
        orphans: What agents do with their runs when this process dies: "kill" or "finish".
        survivors: What happens to processes that outlive their run: "kill" or "leave".
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        pool: Pool,
        bus: EventBus,
        *,
        pin: bool = False,
        gpu_vendor: str = "",
        grace_s: float = 5.0,
        orphans: str = "kill",
        survivors: str = "kill",
    ) -> None:
        self.pool = pool
        self.bus = bus
        self.room_listeners: list[Callable[[], None]] = []  #: called when further runs may be taken in
        self.placement = Placement(pin, gpu_vendor)
        hello = {"epoch": 1, "orphans": orphans, "linger_s": 0.0, "grace_s": grace_s, "survivors": survivors}
        listener = FleetListener(self._hear, self.pump, self._give_up)
        self._fleet = Fleet(nodes, pool.slots_of, hello, bus, listener)
        self._dispatcher = Dispatcher(pool, self._fleet, self.placement)
        self._settled: set[asyncio.Future[None]] = set()
        self._retry_handle: asyncio.TimerHandle | None = None
        self._drought = Drought()  #: of disk space

    # Opening and closing

    async def open(self) -> None:
        """Start the agents; on return runs can be started.

        Raises:
            AgentError: An agent could not be started or reached.
        """
        await self._fleet.open()
        self.pump()

    async def close(self, how: str = "stop") -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL) or "kill".
        """
        if self._retry_handle is not None:
            self._retry_handle.cancel()
        await self._fleet.close(how)

    @property
    def failure(self) -> Exception | None:
        """Why nothing more will happen: the agents cannot be kept alive; None while they can."""
        return self._fleet.failure

    @property
    def slots(self) -> int:
        """How many runs can run at the same time."""
        return self.pool.slots

    @property
    def waiting_count(self) -> int:
        """Runs taken in that have not been started."""
        return self._dispatcher.waiting_count

    @property
    def agent_pids(self) -> list[int]:
        """Process ids of the agents on this machine."""
        return self._fleet.pids

    # Taking in

    def submit(self, job: Job) -> None:
        """Take in a job of a table; `pump` must follow."""
        self._take_in(job)
        self._dispatcher.push(job)

    def discard(self, job: Job) -> None:
        """Take in a job of a table as one that is not to be run."""
        self._take_in(job)
        self._skip(job, Cause.ABORTED)

    def _take_in(self, job: Job) -> None:
        job.is_submitted = True
        job.table.active_count += 1
        job.table.bus.publish(events.RunAdded(job.id))

    async def request(self, shape: Shape) -> Grant:
        """Wait for a grant for user code, in the same queue as the runs.

        Raises:
            AgentError: The agents cannot be kept alive; nothing more will happen.
        """
        if self.failure is not None:
            raise self.failure
        try:
            return await self._dispatcher.request(shape)
        except BaseException:
            self.pump()  # what it would have had is free, and there is room for more
            raise

    def give_back(self, grant: Grant) -> None:
        """Take back a grant of user code."""
        self.pool.release(grant)
        self.pump()

    async def settled(self, table: RunTable) -> None:
        """Wait until no run of a table is active.

        Raises:
            AgentError: The agents cannot be kept alive; nothing more will happen.
        """
        while table.active_count and self.failure is None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._settled.add(future)
            try:
                await future
            finally:
                self._settled.discard(future)
        if self.failure is not None:
            raise self.failure

    # Starting

    def pump(self) -> None:
        """Start whatever can be started now, and say so if there is room for more."""
        self._dispatcher.start()
        if self._dispatcher.can_start and self.waiting_count < self._dispatcher.window:
            self._tell_room()

    def _tell_room(self) -> None:
        for listener in self.room_listeners:
            listener()

    # Hearing

    def _hear(self, station: Station, messages: list[Any]) -> None:
        """Handle a batch of messages from an agent; what they free is granted again before this returns."""
        seq = 0
        for message in messages:
            kind = message[0]
            if kind == "exit":
                record = Exit(*message[1:])
                seq = record.seq
                self._on_exit(station, record)
            elif kind == "start":
                self._on_start(station, *message[1:])
            else:
                self._on_rare(station, kind, message[1:])
        if seq:
            station.acknowledge(seq)
        self.pump()

    def _on_start(
        self, station: Station, number: int, attempt: int, _step: int, pid: int, started: float, lease: int
    ) -> None:
        station.inherit(number, lease)
        job = station.jobs.get(number)
        if job is None or not job.machine.start(attempt):
            return
        job.table.statistics.move("pending", "running")
        if self._drought.end():
            self.bus.publish(events.Resumed())
        cores, gpus = (job.lease.grant.cores, job.lease.grant.gpus) if job.lease else ((), ())
        job.table.bus.publish(events.RunStarted(job.id, attempt, station.node.host, pid, cores, gpus, started))

    def _on_exit(self, station: Station, record: Exit) -> None:
        job = station.jobs.get(record.run)
        if job is None or record.attempt != job.machine.attempt:
            return
        station.forget(job)
        if record.successor is not None and record.lease is not None:
            station.inherit(record.successor[0], record.lease)
        else:
            self._take_back(station, record.lease)
        self._judge(job, record)

    def _take_back(self, station: Station, lease: int | None) -> None:
        grant = station.take_back(lease) if lease is not None else None
        if grant is not None:
            self.pool.release(grant)

    def _on_rare(self, station: Station, kind: str, fields: list[Any]) -> None:
        if kind == "dropped":
            number, _, lease = fields
            job = station.jobs.get(number)
            if job is not None:
                station.forget(job)
                self._return_unstarted(job)
            self._take_back(station, lease)
        elif kind == "returned":
            self._take_back(station, fields[0])
        elif kind == "metric":
            job = station.jobs.get(fields[0])
            if job is not None:
                self._publish_metrics(job, fields[1], fields[2])
        elif kind == "welcome":
            station.welcome(fields[0])
            self.bus.publish(events.AgentStarted(station.node.host, fields[0]["pid"]))
        elif kind == "current":
            unstarted, grants = station.settle()
            for grant in grants:
                self.pool.release(grant)
            for job in unstarted:
                self._return_unstarted(job)
        elif kind == "refused":
            station.refuse(fields[0])
        elif kind == "note":
            self.bus.publish(events.Note(fields[0]))

    def _return_unstarted(self, job: Job) -> None:
        if job.stop_cause is not None or job.is_unwanted:
            self._skip(job, Cause.ABORTED)
        else:
            self._dispatcher.push(job)

    def _publish_metrics(self, job: Job, attempt: int, text: str) -> None:
        for line in text.splitlines():
            try:
                report = codec.decode(line)
                event = events.MetricReported(job.id, attempt, report["time"], report.get("step"), report["metrics"])
            except (ValueError, KeyError, TypeError):
                continue  # the run's own file: whoever reads it there sees what is wrong with it
            job.table.bus.publish(event)

    # Judging

    def _judge(self, job: Job, record: Exit) -> None:
        cause = judge_cause(record.status, record.trouble, record.ended_by)
        if job.stop_cause is not None and cause in (Cause.CANCELLED, Cause.KILLED, Cause.AGENT_LOST):
            cause = job.stop_cause
        is_wanted = job.stop_cause is None and not job.is_unwanted
        if cause is Cause.DISK_FULL and is_wanted and self._waits_for_disk(job, record.message or ""):
            return
        limits = job.plan.fields
        job.message = describe_end(cause, record.status, record.message, limits["timeout_s"], limits["mem_mib"])
        before = job.machine.status
        policy = job.plan.retry if is_wanted else _NO_RETRY
        verdict = job.machine.end(record.attempt, cause, policy)
        if verdict is Verdict.STALE:
            return
        if job.machine.status != before:
            job.table.statistics.move(before, job.machine.status)
        job.table.bus.publish(events.AttemptEnded(job.id, record.attempt, cause, record.status, job.message))
        usage = None
        if record.status is not None:
            rss, floor = record.max_rss_kib * 1024, record.floor_kib * 1024
            usage = Usage(record.wall_s, record.user_s, record.system_s, rss, floor)
            self._dispatcher.tempo.learn(job.plan.shape, record.wall_s)
            if self._dispatcher.tempo.wants_relief(job.plan.shape):
                self._fleet.relieve()
        tail = record.tail
        if tail and job.plan.output != "tail":
            tail = tail.strip().rpartition("\n")[2]
        job.last = End(record.status, usage, tuple(record.result) if record.result else None, tail)
        if verdict is Verdict.RETRY:
            job.table.bus.publish(events.RunRetried(job.id, job.machine.attempt))
            self._dispatcher.push(job)
        else:
            self._end(job)

    def _end(self, job: Job) -> None:
        job.table.end(job)
        assert job.machine.cause is not None
        job.table.bus.publish(events.RunEnded(job.id, job.machine.status, job.machine.cause))
        if not job.table.active_count:
            self._wake()

    def _wake(self) -> None:
        for future in self._settled:
            if not future.done():
                future.set_result(None)

    # Stopping

    def cancel(self, job: Job, cause: Cause, how: str = "stop") -> None:
        """End a job: skip it if it has not started, else stop it; without effect if it has ended."""
        self.cancel_all([job], cause, how)

    def cancel_all(self, jobs: Iterable[Job], cause: Cause, how: str = "stop") -> None:
        """End jobs, in one go over those that wait; see `cancel`."""
        waiting: set[Job] = set()
        for job in jobs:
            if job.stop_cause is not None and how != "kill":
                continue
            job.stop_cause = cause
            if isinstance(job.place, Station):
                job.place.cancel(job, how)
            else:
                waiting.add(job)
        for job in self._dispatcher.remove(lambda item: item in waiting) if waiting else ():
            self._skip(job, Cause.ABORTED)

    def skip_waiting(self, is_meant: Callable[[Job], bool] = lambda job: True) -> None:
        """Skip every job that has not started; running ones go on."""
        for job in self._dispatcher.remove(is_meant):
            self._skip(job, Cause.ABORTED)
        for station in self._fleet.stations:
            for job in filter(is_meant, station.jobs.values()):
                job.is_unwanted = True
                if job.lease is None:
                    station.cancel(job, "drop")

    def abandon(self, job: Job) -> None:
        """Take a job for lost that nobody will ever hear of again."""
        job.table.is_untouched = False  # for all that is known
        if job.machine.status != "running":
            self._skip(job, Cause.ABORTED)
            return
        job.message = "nobody is left to tell how it ended"
        job.machine.end(job.machine.attempt, Cause.AGENT_LOST, _NO_RETRY)
        job.table.statistics.move("running", job.machine.status)
        self._end(job)

    def _skip(self, job: Job, cause: Cause) -> None:
        before = job.machine.status
        job.message = job.message or "not run"
        if job.machine.skip(cause):
            if job.machine.status == "skipped":
                job.last = NO_END
            job.table.statistics.move(before, job.machine.status)
            self._end(job)

    # Trouble

    def _give_up(self) -> None:
        """Let nobody wait any more for what will not happen."""
        assert self.failure is not None
        self._dispatcher.refuse_waiters(self.failure)
        lost = [job for station in self._fleet.stations for job in station.jobs.values()]
        for job in [*self._dispatcher.remove(lambda _: True), *lost]:
            self.abandon(job)
        self._wake()
        self._tell_room()

    def _waits_for_disk(self, job: Job, message: str) -> bool:
        """Let a job that met a full disk wait for space, with everything that waits already; False: no hope is left.

        Runs that are under way go on.
        """
        now = time.monotonic()
        if self._drought.begin(now):
            self.bus.publish(events.Paused(f"the disk is full ({message})"))
        elif self._drought.is_hopeless(now, any(station.jobs for station in self._fleet.stations)):
            self.bus.publish(events.Aborted("the disk stayed full"))
            self.skip_waiting()
            job.stop_cause = Cause.DISK_FULL
            return False
        self._dispatcher.is_paused = True
        self._dispatcher.push(job)
        if self._retry_handle is None:
            self._retry_handle = asyncio.get_running_loop().call_later(RETRY_S, self._try_again)
        return True

    def _try_again(self) -> None:
        """Look whether there is space on the disk again."""
        self._retry_handle = None
        self._dispatcher.is_paused = False
        self.pump()
