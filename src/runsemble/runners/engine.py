"""The pooled engine: grants, sends, hears of ends, judges, and does so until nothing is left.

Everything here happens in synchronous turns of the event loop: a message from an agent is handled, what it frees is
granted again, and the requests go out, before anything else can run. Nothing is created per pending run but its job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from runsemble import codec
from runsemble.agent.protocol import BY_TIMEOUT, Exit
from runsemble.errors import AgentError, AgentsTakenOver, StrangeRuns
from runsemble.model import events
from runsemble.model.resources import Grant, Shape
from runsemble.model.result import Usage, describe_end, judge_cause
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.dispatch import Dispatcher, Placement
from runsemble.runners.fleet import Fleet, FleetListener
from runsemble.runners.growth import Growth
from runsemble.runners.heirs import FIRST_TENURE, Heirs, Tenure
from runsemble.runners.job import NO_END, End, Job, Plan
from runsemble.runners.recording import Record, Records
from runsemble.runners.station import Node, Station
from runsemble.runners.table import RunTable
from runsemble.sched import drought
from runsemble.sched.drought import RETRY_S, Drought
from runsemble.sched.feed import window
from runsemble.sched.machine import Verdict
from runsemble.sched.pool import Pool
from runsemble.sched.retry import RetryPolicy

_ENDED_WITH_DRIVER = "its driver died, and the agent ended it"
_NO_RETRY = RetryPolicy(retries=0, max_free=0)


class Engine:
    """Sees jobs through on the agents of some nodes, within what one pool can grant.

    Args:
        nodes: Each with the index of its inventory in the pool; several with one index are agents side by side.
        pool: What there is to grant.
        bus: Where events go.
        pin: Whether runs are confined to the cores of their grant.
        gpu_vendor: For the variable that tells a run its GPUs.
        grace_s: Seconds between TERM and KILL.
        survivors: What happens to processes that outlive their run: "kill" or "leave".
        tenure: What this engine takes over from others before it, and hands on to others after it.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[int, Node]],
        pool: Pool,
        bus: EventBus,
        *,
        pin: bool = False,
        gpu_vendor: str = "",
        grace_s: float = 5.0,
        survivors: str = "kill",
        tenure: Tenure = FIRST_TENURE,
    ) -> None:
        self.pool = pool
        self.bus = bus
        self.room_listeners: list[Callable[[], None]] = []  #: called when further runs may be taken in
        self.placement = Placement(pin, gpu_vendor)
        hello = {
            "epoch": tenure.epoch, "orphans": tenure.orphans, "linger_s": 0.0, "grace_s": grace_s,
            "survivors": survivors, "keeps": [tenure.record.directory] if tenure.record is not None else [],
        }  # fmt: skip
        self.records = Records()  #: where what happens is written down
        if tenure.record is not None:
            self.records.add(tenure.record)
        listener = FleetListener(self._hear, self.pump, self._give_up, self.records.announce)
        self._fleet = Fleet(nodes, pool.slots_of, hello, bus, listener)
        self._dispatcher = Dispatcher(pool, self._fleet, self.placement, self._refuse, tenure.epoch)
        self._growth = Growth(pool)
        self._heirs = Heirs(tenure, pool, self._dispatcher)
        self._settled: set[asyncio.Future[None]] = set()
        self._retry_handle: asyncio.TimerHandle | None = None
        self._hold_handle: asyncio.TimerHandle | None = None
        self._drought = Drought()  #: of disk space
        self._leaves_agents = False

    # Opening and closing

    async def open(self) -> None:
        """Start the agents; on return runs can be started.

        Raises:
            AgentError: An agent could not be started or reached.
        """
        for job in self._heirs.jobs:
            self._take_in(job)
        await self._fleet.open()
        if self._heirs.strangers:
            self._leaves_agents = True  # with everything that runs there: whoever looks again takes it over
            raise StrangeRuns(f"agents know of runs {sorted(self._heirs.strangers)[:5]}, which nobody else does")
        waiting, lost = self._heirs.settle()
        for record in lost:
            heir = self._heirs.heir(record)
            if heir is not None:
                self._judge(heir, record)
                waiting += [] if heir.machine.is_over else [heir]
        self._heirs.close()
        for job in waiting:
            self._dispatcher.push(job)
        self.pump()

    async def close(self, how: str = "stop") -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL), "kill", or "leave": then the agents live on, and what runs goes on as
                `orphans` says.
        """
        if self._retry_handle is not None:
            self._retry_handle.cancel()
        if self._hold_handle is not None:
            self._hold_handle.cancel()
        self._dispatcher.close()
        await self._fleet.close("leave" if self._leaves_agents else how)

    async def record_in(self, record: Record) -> None:
        """Let everything from now on be acknowledged only after it was written down there, too."""
        self.records.add(record)
        await self._fleet.keep(self.records.directories)

    def resize(self, count: int) -> None:
        """Have at most so many runs at the same time from now on, on all nodes together as before."""
        self.pool.resize(count)
        self._dispatcher.window = window(self.pool.slots)
        self.pump()

    def pause(self, reason: str) -> None:
        """Start nothing new as long as there is a reason; "" means there is none any more."""
        if bool(reason) == self._dispatcher.is_held:
            return
        self._dispatcher.is_held = bool(reason)
        if self._hold_handle is not None:
            self._hold_handle.cancel()
        loop = asyncio.get_running_loop()
        self._hold_handle = loop.call_later(drought.PATIENCE_S, self._stop_holding) if reason else None
        if self._drought.since is None:  # else that has been said
            self.bus.publish(events.Paused(reason) if reason else events.Resumed())
        self.pump()

    def _stop_holding(self) -> None:
        """Start runs although nothing can be written down: their own need of the disk decides what becomes of them."""
        self._dispatcher.is_held = False
        self.pump()

    def desert(self, failure: AgentError) -> None:
        """Fail: have nothing more to do with the agents, which go on without this engine."""
        self._fleet.desert(failure)

    @property
    def leaves_nothing(self) -> bool:
        """Whether agents know nothing that is not known here."""
        return not isinstance(self.failure, AgentsTakenOver)

    async def enable_calls(self) -> None:
        """Be able to run Python calls from now on.

        Raises:
            AgentError: An agent that makes them could not be started.
        """
        await self._fleet.enable_calls()

    def end_record(self, record: Record, *, is_complete: bool = True) -> None:
        """Undo `record_in`.

        Args:
            record: Where nothing more is to be written down.
            is_complete: Whether everything was; else agents keep what they know.
        """
        self.records.remove(record)
        if is_complete:
            self._fleet.tell_keeps(self.records.directories)

    @property
    def failure(self) -> Exception | None:
        """Why nothing more will happen: the agents cannot be kept alive; None while they can."""
        return self._fleet.failure

    @property
    def lag(self) -> int:
        """How many events the slowest who takes note of them has yet to take."""
        return max(self.bus.lag, self.records.lag)

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
            self.records.after_commit(partial(station.acknowledge, seq))
        self.pump()

    def _on_start(
        self, station: Station, number: int, attempt: int, step: int, pid: int, started: float, lease: int
    ) -> None:
        station.inherit(number, lease)
        job = station.jobs.get(number)
        if job is None or not job.machine.start(attempt, step):
            return
        job.table.statistics.move("pending", "running")
        if self._drought.end() and not self._dispatcher.is_held:
            self.bus.publish(events.Resumed())
        self._publish_start(station, job, pid, started)

    def _publish_start(self, station: Station, job: Job, pid: int, started: float) -> None:
        cores, gpus = (job.lease.grant.cores, job.lease.grant.gpus) if job.lease else ((), ())
        attempt, step = job.machine.attempt, job.machine.step
        host = station.node.host
        job.table.bus.publish(events.RunStarted(job.id, attempt, host, pid, cores, gpus, started, step))

    def _on_exit(self, station: Station, record: Exit) -> None:
        job = station.jobs.get(record.run) or self._heirs.heir(record)
        if job is None or (record.attempt, record.step) != (job.machine.attempt, job.machine.step):
            self._note_past(record)
            return
        station.forget(job)
        if record.successor is not None and record.lease is not None:
            station.inherit(record.successor[0], record.lease)
        else:
            self._take_back(station, record.lease)
        self._judge(job, record)

    def _note_past(self, record: Exit) -> None:
        """Tell of an attempt that was followed by another one under a driver that died before it wrote that down."""
        job = self._heirs.past(record)
        if job is not None:
            self._publish_past(job, record)

    def _publish_past(self, job: Job, record: Exit) -> None:
        cause = judge_cause(record.status, record.trouble, record.ended_by)
        words = describe_end(cause, record.status, record.message)
        job.last = End(record.status, _usage_of(record), None, record.tail)
        job.table.bus.publish(
            events.AttemptEnded(job.id, record.attempt, cause, record.status, words, record.step, record.started)
        )
        job.last = NO_END

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
            self._on_welcome(station, fields[0])
        elif kind == "current":
            unstarted, grants = station.settle()
            for grant in grants:
                self.pool.release(grant)
            for job in unstarted:
                self._return_unstarted(job)
        elif kind == "refused":
            station.refuse(fields[0])
            self._fleet.desert(AgentsTakenOver(f"another driver has taken over: {fields[0]}"))
        elif kind == "note":
            self.bus.publish(events.Note(fields[0]))

    def _on_welcome(self, station: Station, facts: Mapping[str, Any]) -> None:
        station.welcome(facts)
        for job, pid, started in self._heirs.adopt(station, facts["live"]):
            self._publish_start(station, job, pid, started)
        self.bus.publish(events.AgentStarted(station.node.host, facts["pid"]))

    def _return_unstarted(self, job: Job) -> None:
        if job.stop_cause is not None or job.is_unwanted:
            self._skip(job, Cause.KILLED if job.stop_cause is Cause.KILLED else Cause.ABORTED)
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
        cause, message = _cause_of(job.plan, record)
        if job.stop_cause is not None and cause in (Cause.CANCELLED, Cause.KILLED, Cause.AGENT_LOST):
            cause = job.stop_cause
        if cause is Cause.CANCELLED and job.stop_cause is None and self._heirs.holds(job):
            cause, message = Cause.AGENT_LOST, _ENDED_WITH_DRIVER
        is_wanted = job.stop_cause is None and not job.is_unwanted
        if cause is Cause.DISK_FULL and is_wanted and self._waits_for_disk(job, message or ""):
            return
        limits = job.plan.fields
        job.message = describe_end(cause, record.status, message, limits["timeout_s"], limits["mem_mib"])
        before = job.machine.status
        policy = job.plan.retry if is_wanted else job.plan.retry.without_retries
        verdict = job.machine.end(
            record.attempt, cause, policy, record.step, has_next=job.has_next_step, returncode=record.status
        )
        if verdict is Verdict.STALE:
            return
        if job.machine.status != before:
            job.table.statistics.move(before, job.machine.status)
        usage = _usage_of(record)
        if record.status is not None:
            self._dispatcher.tempo.learn(job.plan.shape, record.wall_s)
            if job.plan.deadline is not None and record.ended_by != BY_TIMEOUT:
                job.plan.deadline.learn(job.plan.shape, record.wall_s)
            if self._dispatcher.tempo.wants_relief(job.plan.shape):
                self._fleet.relieve(calls=job.plan.is_call)
        tail = record.tail
        if tail and job.plan.output != "tail":
            tail = tail.strip().rpartition("\n")[2]
        job.last = End(record.status, usage, tuple(record.result) if record.result else None, tail)
        job.table.bus.publish(
            events.AttemptEnded(job.id, record.attempt, cause, record.status, job.message, record.step, record.started)
        )
        if verdict is Verdict.DONE:
            self._end(job)
            return
        self._go_on(job, verdict)

    def _go_on_after_driver(self, job: Job, record: Exit) -> None:
        """Let an heir wait for another attempt that was ended for no reason but the death of its driver."""
        if job.machine.status != "pending":
            job.table.statistics.move(job.machine.status, "pending")
        job.machine.resume(record.attempt + 1, record.step)
        self._publish_past(job, record)

    def _go_on(self, job: Job, verdict: Verdict) -> None:
        """Let a run wait for its next step, or its next attempt."""
        job.enter_step(job.machine.step)
        decision = job.machine.decision
        if verdict is Verdict.RETRY:
            if job.plan.is_whole:
                job.enter_step(0)
            self._growth.grow(job, decision)
            job.table.bus.publish(events.RunRetried(job.id, job.machine.attempt))
        if self._heirs.holds(job):
            return
        if verdict is Verdict.RETRY and decision.delay_s:
            self._dispatcher.push_later(job, decision.delay_s)
        else:
            self._dispatcher.push(job, is_begun=verdict is Verdict.NEXT)

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
        self._tell_room()

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
            self._skip(job, Cause.KILLED if cause is Cause.KILLED else Cause.ABORTED)

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

    def _refuse(self, job: Job, reason: str) -> None:
        """Do not start a run, for the reason given."""
        job.message = f"not run: {reason}"
        self._skip(job, Cause.ABORTED)

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

    def _waits_for_disk(self, job: Job, message: str) -> bool:
        """Let a job that met a full disk wait for space, with everything that waits already; False: no hope is left.

        Runs that are under way go on.
        """
        now = time.monotonic()
        if self._drought.begin(now):
            if not self._dispatcher.is_held:  # else that has been said
                self.bus.publish(events.Paused(f"the disk is full ({message})"))
        elif self._drought.is_hopeless(now, any(station.jobs for station in self._fleet.stations)):
            self.bus.publish(events.Aborted("the disk stayed full"))
            self.skip_waiting()
            job.stop_cause = Cause.DISK_FULL
            return False
        self._dispatcher.is_paused = True
        if not self._heirs.holds(job):
            self._dispatcher.push(job)
        if self._retry_handle is None:
            self._retry_handle = asyncio.get_running_loop().call_later(RETRY_S, self._try_again)
        return True

    def _try_again(self) -> None:
        """Look whether there is space on the disk again."""
        self._retry_handle = None
        self._dispatcher.is_paused = False
        self.pump()


def _cause_of(plan: Plan, record: Exit) -> tuple[Cause, str | None]:
    """Return why an attempt ended, with a sentence where there is one; a hook that is at fault has failed as such."""
    cause = judge_cause(record.status, record.trouble, record.ended_by)
    if plan.hook is None or cause not in (Cause.EXIT, Cause.TIMEOUT):
        return cause, record.message
    is_late = cause is Cause.TIMEOUT
    return Cause.HOOK, f"{plan.hook} took longer than {plan.fields['timeout_s']:g} s" if is_late else record.message


def _usage_of(record: Exit) -> Usage | None:
    """Return what an attempt used, None if it never ran."""
    if record.status is None:
        return None
    rss, floor = record.max_rss_kib * 1024, record.floor_kib * 1024
    return Usage(record.wall_s, record.user_s, record.system_s, rss, floor)
