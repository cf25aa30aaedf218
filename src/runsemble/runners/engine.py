"""The pooled engine: grants, sends, hears of ends, judges, and does so until nothing is left.

Everything here happens in synchronous turns of the event loop: a message from an agent is handled, what it frees is
granted again, and the requests go out, before anything else can run. Nothing is created per pending run but its job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from runsemble import codec
from runsemble.agent.protocol import Exit
from runsemble.errors import AgentError
from runsemble.launch.environment import grant_environment
from runsemble.model import events
from runsemble.model.resources import Grant, Shape
from runsemble.model.result import Usage, describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.station import Lease, Node, Station
from runsemble.runners.table import Job, Plan, RunTable
from runsemble.sched.drought import RETRY_S, Drought
from runsemble.sched.feed import window
from runsemble.sched.machine import Verdict
from runsemble.sched.policy import RetryPolicy
from runsemble.sched.pool import Pool
from runsemble.sched.ready import PATIENCE_PER_SLOT, ReadyQueue
from runsemble.sched.tempo import Tempo

_NO_RETRY = RetryPolicy(retries=0, max_free=0)


class Waiter:
    """User code that waits for a grant of its own, in the same queue as the runs."""

    def __init__(self, future: asyncio.Future[Grant]) -> None:
        self.future = future


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
        self.pin = pin
        self.gpu_vendor = gpu_vendor
        self.grace_s = grace_s
        hello = {"epoch": 1, "orphans": orphans, "linger_s": 0.0, "grace_s": grace_s, "survivors": survivors}
        self._stations = [Station(index, node, hello, self._hear, self._lose) for index, node in enumerate(nodes)]
        self._ready: ReadyQueue[Job | Waiter] = ReadyQueue(PATIENCE_PER_SLOT * max(1, pool.slots))
        self._window = window(pool.slots)
        self._lanes: dict[tuple[Shape, int], int] = {}
        self._lease_count = 0
        self._tempo = Tempo()
        self._has_relief = False
        self._settled: set[asyncio.Future[None]] = set()
        self.failure: Exception | None = None  #: the agents cannot be kept alive; nothing more will happen
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_paused = False
        self._retry_handle: asyncio.TimerHandle | None = None
        self._drought = Drought()  #: of disk space
        self._is_open = False

    # Opening and closing

    async def open(self) -> None:
        """Start the agents; on return runs can be started.

        Raises:
            AgentError: An agent could not be started or reached.
        """
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.open())
        self._is_open = True
        for station in self._stations:
            self._revive_if_lost(station)  # it may have died before anybody would have listened
        self.pump()

    async def close(self, how: str = "stop") -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL) or "kill".
        """
        self._is_open = False
        if self._retry_handle is not None:
            self._retry_handle.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for station in self._stations:
            station.dismiss(how)
        patience_s = 15.0 + (self.grace_s if how == "stop" else 0.0)
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.close(patience_s))

    @property
    def slots(self) -> int:
        """How many runs can run at the same time."""
        return self.pool.slots

    @property
    def waiting_count(self) -> int:
        """Runs taken in that have not been started."""
        return len(self._ready) + sum(station.ahead_count for station in self._stations)

    @property
    def agent_pids(self) -> list[int]:
        """Process ids of the agents on this machine."""
        return [pid for station in self._stations if (pid := station.node.agent_pid) is not None]

    # Taking in

    def submit(self, job: Job) -> None:
        """Take in a job of a table; `pump` must follow."""
        self._take_in(job)
        self._ready.push(job, job.plan.shape)

    def discard(self, job: Job) -> None:
        """Take in a job of a table as one that is not to be run."""
        self._take_in(job)
        self._skip(job, Cause.ABORTED)

    def _take_in(self, job: Job) -> None:
        job.is_submitted = True
        job.table.active_count += 1
        job.table.bus.publish(events.RunAdded(job.id))

    async def request(self, shape: Shape) -> Grant:
        """Wait for a grant for user code, in the same queue as the runs."""
        future: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        self._ready.push(Waiter(future), shape)
        self.pump()
        try:
            return await future
        except BaseException:
            if not future.cancel() and not future.cancelled():  # it was granted in the very same moment
                self.give_back(future.result())
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
        """Start whatever can be started now."""
        if not self._is_open or self._is_paused:
            return
        while self._ready and not self._is_paused:
            popped = self._ready.pop(self.pool)
            if popped is None:
                break
            item, grant = popped
            if isinstance(item, Waiter):
                self._hand_over(item, grant)
            else:
                self._send_leased(item, grant)
        self._send_ahead()
        if self.waiting_count < self._window:
            for listener in self.room_listeners:
                listener()

    def _hand_over(self, waiter: Waiter, grant: Grant) -> None:
        if waiter.future.done():  # cancelled while it waited
            self.pool.release(grant)
        else:
            waiter.future.set_result(grant)

    def _send_leased(self, job: Job, grant: Grant) -> None:
        station = self._station_for(grant)
        if station is None:  # the agent there is being revived; the job starts with it
            self.pool.release(grant)
            self._requeue(job)
            self._is_paused = True
            return
        self._lease_count += 1
        env = grant_environment(grant, job.plan.tasks, self.gpu_vendor)
        wire = [self._lease_count, list(grant.cores) if self.pin else [], env]
        lane = self._lane(job.plan)
        station.send_run(job, lane, Lease(self._lease_count, lane, grant, wire))

    def _lane(self, plan: Plan) -> int:
        """Return the number that runs share which may inherit each other's lease."""
        return self._lanes.setdefault((plan.shape, plan.tasks), len(self._lanes))

    def _station_for(self, grant: Grant) -> Station | None:
        """Return the agent for a grant: the same one for the same core, so that it seldom has to change its own."""
        able = [s for s in self._stations if s.node_index == grant.node and s.is_current]
        if not able:
            return None
        return able[(grant.cores[0] if grant.cores else self._lease_count) % len(able)]

    def _send_ahead(self) -> None:
        """Send short runs ahead of their grant, as long as all that wait are of one shape and order is kept."""
        shape = self._ready.only_shape
        able = [s for s in self._stations if s.is_current]
        if shape is None or not able:
            return
        busy = [s for s in able if s.leases]
        if len(busy) < len(able) and any(len(s.leases) > 1 for s in busy):
            return  # an agent has nothing to do yet: let leases come back, and be shared out anew
        share = self._window // len(able)  # one agent must not hold what another could start
        for station in busy:
            while self._ready:
                job = self._ready.head(shape)
                if isinstance(job, Waiter):
                    return
                lane = self._lane(job.plan)
                if station.ahead_of(lane) >= self._tempo.ahead(shape, station.leases_of(lane), share):
                    break
                self._ready.take(shape)
                station.send_run(job, lane, None)

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
            self._requeue(job)

    def _requeue(self, job: Job) -> None:
        job.place = None
        self._ready.push(job, job.plan.shape)

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
            self._tempo.learn(job.plan.shape, record.wall_s)
            if not self._has_relief and self._tempo.wants_relief(job.plan.shape):
                self._has_relief = True
                self._start_task(self._relieve())
        if verdict is Verdict.RETRY:
            job.table.bus.publish(events.RunRetried(job.id, job.machine.attempt))
            self._requeue(job)
            return
        self._end(job, record, usage)

    async def _relieve(self) -> None:
        """Start a second agent on every node that can have several runs at a time."""
        for station in list(self._stations):
            if self.pool.slots_of(station.node_index) < 2:
                continue
            relief = station.twin()
            self._stations.append(relief)
            relief.is_reviving = True  # by this task
            try:
                await relief.open()
            except AgentError:
                if not relief.jobs:  # one agent does the same work, more slowly
                    self._stations.remove(relief)
                    await relief.close(0.0)
                    continue
            relief.is_reviving = False
            self._revive_if_lost(relief)

    def _end(self, job: Job, record: Exit | None = None, usage: Usage | None = None) -> None:
        if record is None:
            job.table.end(job)
        else:
            tail = record.tail
            if tail and job.plan.output != "tail":
                tail = tail.strip().rpartition("\n")[2]
            result = tuple(record.result) if record.result else None
            job.table.end(job, record.status, usage, result, tail)
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
        if job.stop_cause is not None and how != "kill":
            return
        job.stop_cause = cause
        station = job.place
        if isinstance(station, Station):
            station.cancel(job, how)
        elif self._ready.remove(lambda item: item is job):
            self._skip(job, Cause.ABORTED)

    def skip_waiting(self, is_meant: Callable[[Job], bool] = lambda job: True) -> None:
        """Skip every job that has not started; running ones go on."""
        for item in self._ready.remove(lambda item: isinstance(item, Job) and is_meant(item)):
            assert isinstance(item, Job)
            self._skip(item, Cause.ABORTED)
        for station in self._stations:
            for job in filter(is_meant, station.jobs.values()):
                job.is_unwanted = True
                if job.lease is None:
                    station.cancel(job, "drop")

    def abandon(self, job: Job) -> None:
        """Take a job for lost that nobody will ever hear of again."""
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
            job.table.statistics.move(before, "skipped")
            self._end(job)

    # Trouble

    def _lose(self, station: Station) -> None:
        """React to the loss of an agent: start its successor, which tells what became of its runs."""
        if self._is_open:
            self.bus.publish(events.AgentLost(station.node.host, len(station.jobs)))
            self._revive_if_lost(station)

    def _revive_if_lost(self, station: Station) -> None:
        if not station.is_current and not station.is_reviving:
            self._start_task(self._revive(station))

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work on the agents go on in a task of the engine's, which ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _revive(self, station: Station) -> None:
        try:
            await station.revive()
        except (AgentError, OSError) as error:
            self.failure = error
            self._wake()
            for listener in self.room_listeners:
                listener()
        else:
            self._resume()

    def _waits_for_disk(self, job: Job, message: str) -> bool:
        """Let a job that met a full disk wait for space, with everything that waits already; False: no hope is left.

        Runs that are under way go on.
        """
        now = time.monotonic()
        if self._drought.begin(now):
            self.bus.publish(events.Paused(f"no space left on the disk: {message}"))
        elif self._drought.is_hopeless(now, any(station.jobs for station in self._stations)):
            self.bus.publish(events.Aborted("the disk stayed full"))
            self.skip_waiting()
            job.stop_cause = Cause.DISK_FULL
            return False
        self._is_paused = True
        self._requeue(job)
        if self._retry_handle is None:
            self._retry_handle = asyncio.get_running_loop().call_later(RETRY_S, self._resume)
        return True

    def _resume(self) -> None:
        self._retry_handle = None
        self._is_paused = False
        self.pump()
