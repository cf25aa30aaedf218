"""The pooled engine: grants, sends, hears of ends, judges, and does so until nothing is left.

Everything here happens in synchronous turns of the event loop: a message from an agent is handled, what it frees is
granted again, and the requests go out, before anything else can run. Nothing is created per pending run but its job.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from runsemble.agent.protocol import Exit
from runsemble.errors import AgentError
from runsemble.launch.environment import grant_environment
from runsemble.model import events
from runsemble.model.resources import Grant, Shape
from runsemble.model.result import Usage, describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.nodes.link import AgentLink
from runsemble.runners.bus import EventBus
from runsemble.runners.table import Job, RunTable
from runsemble.sched.feed import window
from runsemble.sched.machine import Verdict
from runsemble.sched.policy import RetryPolicy
from runsemble.sched.pool import Pool
from runsemble.sched.ready import PATIENCE_PER_SLOT, ReadyQueue

_log = logging.getLogger("runsemble")

#: Runs shorter than this, in seconds on average, are sent ahead of their grant, so that they follow without a pause.
AHEAD_BELOW_S = 0.25
#: For how long, in seconds, the runs sent ahead keep an agent busy while the driver is.
AHEAD_S = 0.02
#: Runs shorter than this, in seconds on average, are worth a second agent on their node: one agent alone keeps a core
#: waiting while it starts a run on another. Measured with `benchmarks/slope.py` on 2 cores: 0.60 and 0.45 ms per run.
RELIEF_BELOW_S = 0.02
#: How many runs must have ended before that is judged.
RELIEF_AFTER = 64
#: Seconds between two looks whether a full disk has space again.
DISK_RETRY_S = 1.0
#: Seconds for which a full disk is waited for while nothing runs.
DISK_PATIENCE_S = 60.0
#: How often an agent may die within `REVIVAL_WINDOW_S` seconds before it is given up.
MAX_REVIVALS = 5
REVIVAL_WINDOW_S = 60.0

_NO_RETRY = RetryPolicy(retries=0, max_free=0)


class Node(Protocol):
    """A place with an agent."""

    host: str

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Start the agent, or a successor of one that was lost, and connect to it."""

    async def close(self, patience_s: float) -> None:
        """Wait for an agent that was told to end."""

    def twin(self) -> Node:
        """Return the same place, for one more agent."""


class Waiter:
    """User code that waits for a grant of its own, in the same queue as the runs."""

    def __init__(self, future: asyncio.Future[Grant]) -> None:
        self.future = future


class _Station:
    """An agent on a node of the pool, the connection to it, and the runs that are there."""

    def __init__(self, node_index: int, node: Node) -> None:
        self.node_index = node_index
        self.node = node
        self.link: AgentLink | None = None
        self.jobs: dict[int, Job] = {}  #: sent there and not ended, by number
        self.leased = 0  #: of these, holding a grant
        self.unleased = 0  #: of these, sent ahead of a grant
        self.plans: set[int] = set()  #: known there
        self.welcomed: asyncio.Event = asyncio.Event()
        self.live: set[int] = set()  #: numbers of the runs that the agent said are alive, when it was met
        self.is_current = False  #: agent and driver agree on what is there: runs may be sent
        self.refusal = ""
        self.lost_at: list[float] = []


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
        self._hello = {"epoch": 1, "orphans": orphans, "linger_s": 0.0, "grace_s": grace_s, "survivors": survivors}
        self._stations = [_Station(index, node) for index, node in enumerate(nodes)]
        self._ready: ReadyQueue[Job | Waiter] = ReadyQueue(PATIENCE_PER_SLOT * max(1, pool.slots))
        self._window = window(pool.slots)
        self._lanes: dict[Shape, int] = {}
        self._lease_count = 0
        self._mean_wall_s: dict[Shape, float] = {}
        self._ended = 0
        self._has_relief = False
        self._active = 0
        self._settled: set[asyncio.Future[None]] = set()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_paused = False
        self._retry_handle: asyncio.TimerHandle | None = None
        self._paused_since: float | None = None  #: since when the disk has been full
        self._is_open = False

    # Opening and closing

    async def open(self) -> None:
        """Start the agents; on return runs can be started.

        Raises:
            AgentError: An agent could not be started or reached.
        """
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(self._open_station(station))
        self._is_open = True
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
            if station.link is not None:
                station.link.send("bye", how)
                station.link.flush()
        patience_s = 15.0 + (self.grace_s if how == "stop" else 0.0)
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.node.close(patience_s))
        for station in self._stations:
            if station.link is not None:
                station.link.close()
                station.link = None

    @property
    def slots(self) -> int:
        """How many runs can run at the same time."""
        return self.pool.slots

    @property
    def active_count(self) -> int:
        """Runs taken in that have not ended."""
        return self._active

    @property
    def waiting_count(self) -> int:
        """Runs taken in that have not been started."""
        return len(self._ready) + sum(station.unleased for station in self._stations)

    @property
    def agent_pids(self) -> list[int]:
        """Process ids of the agents on this machine."""
        pids = (getattr(station.node, "agent_pid", None) for station in self._stations)
        return [pid for pid in pids if pid is not None]

    # Taking in

    def submit(self, job: Job) -> None:
        """Take in a job of a table; `pump` must follow."""
        self._active += 1
        job.table.bus.publish(events.RunAdded(job.id))
        self._ready.push(job, job.plan.shape)

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
        while table.active_count and self._failure is None:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._settled.add(future)
            try:
                await future
            finally:
                self._settled.discard(future)
        if self._failure is not None:
            raise self._failure

    # Starting

    def pump(self) -> None:
        """Start whatever can be started now."""
        if not self._is_open or self._is_paused:
            return
        while self._ready:
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
        job.grant = grant
        station.leased += 1
        env = grant_environment(grant, job.plan.tasks, self.gpu_vendor)
        cores = list(grant.cores) if self.pin else []
        self._send(station, job, [self._lease_count, cores, env])

    def _station_for(self, grant: Grant) -> _Station | None:
        """Return the agent for a grant: the same one for the same core, so that it seldom has to change its own."""
        able = [s for s in self._stations if s.node_index == grant.node and s.is_current]
        if not able:
            return None
        return able[(grant.cores[0] if grant.cores else self._lease_count) % len(able)]

    def _send_ahead(self) -> None:
        """Send short runs ahead of their grant, as long as all that wait are of one shape and order is kept."""
        shape = self._ready.only_shape
        mean_s = self._mean_wall_s.get(shape, AHEAD_BELOW_S) if shape is not None else AHEAD_BELOW_S
        if shape is None or mean_s >= AHEAD_BELOW_S:
            return
        able = [s for s in self._stations if s.is_current]
        stations = [s for s in able if s.leased]
        if len(stations) < len(able) and any(s.leased > 1 for s in stations):
            return  # an agent has nothing to do yet: let grants come back, and be shared out anew
        for station in stations:
            most = min(self._window, math.ceil(station.leased * AHEAD_S / mean_s))
            while station.unleased < most and self._ready and self._send_one_ahead(station, shape):
                pass

    def _send_one_ahead(self, station: _Station, shape: Shape) -> bool:
        job = self._ready.head(shape)
        if isinstance(job, Waiter):
            return False
        self._ready.take(shape)
        station.unleased += 1
        self._send(station, job, None)
        return True

    def _send(self, station: _Station, job: Job, lease: list[Any] | None) -> None:
        plan = job.plan
        link = station.link
        assert link is not None
        if plan.number not in station.plans:
            station.plans.add(plan.number)
            link.send("plan", plan.number, plan.fields)
        lane = self._lanes.setdefault(plan.shape, len(self._lanes))
        job.place = station
        station.jobs[job.number] = job
        link.send(
            "run", plan.number, job.number, job.machine.attempt, 0, job.directory, job.params_text, job.argv,
            job.env, lane, lease,
        )  # fmt: skip

    # Hearing

    async def _open_station(self, station: _Station) -> None:
        station.welcomed.clear()
        station.plans.clear()
        station.link = await station.node.open(
            lambda messages: self._hear(station, messages), lambda: self._lose(station), self._hello
        )
        await station.welcomed.wait()
        if station.refusal:
            raise AgentError(f"the agent on {station.node.host} refuses this driver: {station.refusal}")

    def _hear(self, station: _Station, messages: list[Any]) -> None:
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
        if seq and station.link is not None:
            station.link.send("ack", seq)
        self.pump()

    def _on_start(
        self, station: _Station, number: int, attempt: int, _step: int, pid: int, started: float, _lease: int
    ) -> None:
        job = station.jobs.get(number)
        if job is None or not job.machine.start(attempt):
            return
        job.table.statistics.move("pending", "running")
        if self._paused_since is not None:
            self._paused_since = None
            self.bus.publish(events.Resumed())
        grant = job.grant
        cores, gpus = (grant.cores, grant.gpus) if grant else ((), ())
        job.table.bus.publish(events.RunStarted(job.id, attempt, station.node.host, pid, cores, gpus, started))

    def _on_exit(self, station: _Station, record: Exit) -> None:
        job = station.jobs.get(record.run)
        if job is None or record.attempt != job.machine.attempt:
            return
        del station.jobs[record.run]
        grant, job.grant = job.grant, None
        if grant is None:
            station.unleased -= 1
        elif record.successor is not None and record.successor[0] in station.jobs:
            station.jobs[record.successor[0]].grant = grant
            station.unleased -= 1
        else:
            station.leased -= 1
            self.pool.release(grant)
        self._judge(job, record)

    def _on_rare(self, station: _Station, kind: str, fields: list[Any]) -> None:
        if kind == "dropped":
            job = station.jobs.pop(fields[0], None)
            if job is not None:
                self._return_unstarted(station, job)
        elif kind == "metric":
            job = station.jobs.get(fields[0])
            if job is not None:
                self._publish_metrics(job, fields[1], fields[2])
        elif kind == "welcome":
            station.live = {live[0] for live in fields[0]["live"]}
            self.bus.publish(events.AgentStarted(station.node.host, fields[0]["pid"]))
        elif kind == "current":
            for job in [j for j in station.jobs.values() if j.number not in station.live]:
                del station.jobs[job.number]  # neither live nor ended there: it never began
                self._return_unstarted(station, job)
            station.is_current = True
            station.welcomed.set()
        elif kind == "refused":
            station.refusal = fields[0]
            station.welcomed.set()
        elif kind == "note":
            self.bus.publish(events.Note(fields[0]))

    def _return_unstarted(self, station: _Station, job: Job) -> None:
        if job.grant is None:
            station.unleased -= 1
        else:
            station.leased -= 1
            self.pool.release(job.grant)
            job.grant = None
        if job.stop_cause is not None:
            self._skip(job, Cause.ABORTED)
        else:
            self._requeue(job)

    def _requeue(self, job: Job) -> None:
        job.place = None
        self._ready.push(job, job.plan.shape)

    def _publish_metrics(self, job: Job, attempt: int, text: str) -> None:
        for line in text.splitlines():
            try:
                report = json.loads(line)
                event = events.MetricReported(job.id, attempt, report["time"], report.get("step"), report["metrics"])
            except (ValueError, KeyError, TypeError):
                continue  # the run's own file: whoever reads it there sees what is wrong with it
            job.table.bus.publish(event)

    # Judging

    def _judge(self, job: Job, record: Exit) -> None:
        cause = judge_cause(record.status, record.trouble, record.ended_by)
        if job.stop_cause is not None and cause in (Cause.CANCELLED, Cause.KILLED, Cause.AGENT_LOST):
            cause = job.stop_cause
        if cause is Cause.DISK_FULL and job.stop_cause is None and self._waits_for_disk(job, record.message):
            return
        limits = job.plan.fields
        job.message = describe_end(cause, record.status, record.message, limits["timeout_s"], limits["mem_mib"])
        before = job.machine.status
        policy = job.plan.retry if job.stop_cause is None else _NO_RETRY
        verdict = job.machine.end(record.attempt, cause, policy)
        if verdict is Verdict.STALE:
            return
        job.table.bus.publish(events.AttemptEnded(job.id, record.attempt, cause, record.status, job.message))
        usage = None
        if record.status is not None:
            rss, floor = record.max_rss_kib * 1024, record.floor_kib * 1024
            usage = Usage(record.wall_s, record.user_s, record.system_s, rss, floor)
            self._learn(job.plan.shape, record.wall_s)
        if verdict is Verdict.RETRY:
            if before != "pending":
                job.table.statistics.move(before, "pending")
            job.table.bus.publish(events.RunRetried(job.id, job.machine.attempt))
            self._requeue(job)
            return
        job.table.statistics.move(before, job.machine.status)
        self._end(job, record, usage)

    def _learn(self, shape: Shape, wall_s: float) -> None:
        mean = self._mean_wall_s.get(shape, wall_s)
        mean += (wall_s - mean) * 0.1
        self._mean_wall_s[shape] = mean
        self._ended += 1
        if self._ended >= RELIEF_AFTER and mean < RELIEF_BELOW_S and not self._has_relief:
            self._has_relief = True
            if self.pool.slots > len(self._stations):
                self._start_task(self._relieve())

    async def _relieve(self) -> None:
        """Start a second agent on every node."""
        for station in list(self._stations):
            relief = _Station(station.node_index, station.node.twin())
            self._stations.append(relief)
            try:
                await self._open_station(relief)
            except AgentError:  # one agent does the same work, more slowly
                self._stations.remove(relief)
                await relief.node.close(0.0)

    def _end(self, job: Job, record: Exit | None = None, usage: Usage | None = None) -> None:
        if record is None:
            job.table.end(job)
        else:
            tail = record.tail
            if tail and job.plan.output != "tail":
                tail = tail.strip().rpartition("\n")[2]
            result = tuple(record.result) if record.result else None
            job.table.end(job, record.status, usage, result, tail)
        self._active -= 1
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
        if isinstance(station, _Station):
            if station.link is not None:
                station.link.send("cancel", job.number, job.machine.attempt, how)
        elif self._ready.remove(lambda item: item is job):
            self._skip(job, Cause.ABORTED)

    def skip_waiting(self, is_meant: Callable[[Job], bool] = lambda job: True) -> None:
        """Skip every job that has not started; running ones go on."""
        for item in self._ready.remove(lambda item: isinstance(item, Job) and is_meant(item)):
            assert isinstance(item, Job)
            self._skip(item, Cause.ABORTED)
        for station in self._stations:
            for job in list(station.jobs.values()):
                if job.grant is None and is_meant(job):
                    self.cancel(job, Cause.ABORTED)

    def _skip(self, job: Job, cause: Cause) -> None:
        before = job.machine.status
        job.message = job.message or "not run"
        if job.machine.skip(cause):
            job.table.statistics.move(before, "skipped")
            self._end(job)

    # Trouble

    def _lose(self, station: _Station) -> None:
        """React to the loss of an agent: start its successor, which tells what became of its runs."""
        station.link = None
        station.is_current = False
        if not self._is_open:
            station.welcomed.set()
            return
        self.bus.publish(events.AgentLost(station.node.host, len(station.jobs)))
        self._start_task(self._revive(station))

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work on the agents go on in a task of the engine's, which ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _revive(self, station: _Station) -> None:
        now = time.monotonic()
        station.lost_at = [t for t in station.lost_at if now - t < REVIVAL_WINDOW_S] + [now]
        try:
            if len(station.lost_at) > MAX_REVIVALS:
                raise AgentError(f"the agent on {station.node.host} died {MAX_REVIVALS + 1} times within a minute")
            await self._open_station(station)
        except (AgentError, OSError) as error:
            self._failure = error
            self._wake()
            return
        self._resume()

    def _waits_for_disk(self, job: Job, message: str) -> bool:
        """Let a job that met a full disk wait for space, with everything that waits already; False: no hope is left.

        Runs that are under way go on.
        """
        now = time.monotonic()
        if self._paused_since is None:
            self._paused_since = now
            self.bus.publish(events.Paused(f"no space left on the disk: {message}"))
        elif now - self._paused_since > DISK_PATIENCE_S and not any(station.jobs for station in self._stations):
            self.bus.publish(events.Aborted("the disk stayed full"))
            self.skip_waiting()
            job.stop_cause = Cause.DISK_FULL
            return False
        self._is_paused = True
        self._requeue(job)
        if self._retry_handle is None:
            self._retry_handle = asyncio.get_running_loop().call_later(DISK_RETRY_S, self._resume)
        return True

    def _resume(self) -> None:
        self._retry_handle = None
        self._is_paused = False
        self.pump()
