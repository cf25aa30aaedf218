"""The pooled engine: grants, sends, hears of ends, judges, and does so until nothing is left.

Everything here happens in synchronous turns of the event loop: a message from an agent is handled, what it frees is
granted again, and the requests go out, before anything else can run. Nothing is created per pending run but its job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from runsemble import codec
from runsemble.agent.protocol import Exit
from runsemble.errors import AgentError, AgentsTakenOver, StrangeRuns
from runsemble.model import events
from runsemble.model.resources import Grant, Shape
from runsemble.model.status import Cause
from runsemble.runners.bus import EventBus
from runsemble.runners.disk_wait import DiskWait
from runsemble.runners.dispatch import Dispatcher, Placement
from runsemble.runners.ending import Ending
from runsemble.runners.fleet import Fleet, FleetListener
from runsemble.runners.growth import Growth
from runsemble.runners.heirs import FIRST_TENURE, Heirs, Tenure
from runsemble.runners.job import NO_END, Job
from runsemble.runners.judging import Judge
from runsemble.runners.recording import Record, Records
from runsemble.runners.station import Node, Station
from runsemble.runners.table import RunTable
from runsemble.sched.feed import window
from runsemble.sched.pool import Pool


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
        relieves: Whether further agents that start programs are started where that pays.
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
        relieves: bool = True,
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
        self._fleet = Fleet(nodes, hello, bus, listener, relieves=relieves)
        self._dispatcher = Dispatcher(pool, self._fleet, self.placement, self._refuse, tenure.epoch)
        self._ending = Ending(self._dispatcher, self._fleet, self._tell_room)
        self._disk = DiskWait(self._dispatcher, self._fleet, self._ending, bus, self.pump)
        self._growth = Growth(pool)
        self._heirs = Heirs(tenure, pool, self._dispatcher)
        self._judge = Judge(self._dispatcher, self._fleet, self._growth, self._heirs, self._ending, self._disk)
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
                self._judge.judge(heir, record)
                waiting += [] if heir.machine.is_over else [heir]
        self._heirs.close()
        for job in waiting:
            self._ending.take_back(job)
        self.pump()

    async def close(self, how: str = "stop") -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL), "kill", or "leave": then the agents live on, and what runs goes on as
                `orphans` says.
        """
        self._disk.close()
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
        self._disk.pause(reason)

    def desert(self, failure: AgentError) -> None:
        """Fail: have nothing more to do with the agents, which go on without this engine."""
        self._fleet.desert(failure)

    def leave_agents(self, why: AgentsTakenOver) -> None:
        """Have nothing more to do with the agents, which keep everything from this moment on; what is here stays.

        Whoever waits for runs is told why.
        """
        self._fleet.leave(why)
        self._dispatcher.refuse_waiters(why)
        self._ending.wake()

    def take_out(self, is_meant: Callable[[Job], bool], count: int) -> list[Job]:
        """Take out jobs that wait and were not begun here, the latest ones, as if they had never been taken in.

        Args:
            is_meant: Whether a job may be among them.
            count: How many at most.
        """
        fresh = [job for job in self._dispatcher.ready_jobs if job.last is NO_END and is_meant(job)]
        chosen = set(fresh[-count:] if count else ())
        taken = self._dispatcher.remove(lambda job: job in chosen) if chosen else []
        for job in taken:
            job.is_submitted = False
            job.table.withdraw(job)
        return taken

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
        self._ending.skip(job, Cause.ABORTED)

    def _take_in(self, job: Job) -> None:
        job.is_submitted = True
        if job.history.growth:
            self._growth.grow_again(job)
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
        await self._ending.settled(table)

    # Starting

    def pump(self) -> None:
        """Start whatever can be started now, and say so if there is room for more."""
        self._dispatcher.start()
        if self._dispatcher.can_start and self.waiting_count < self._dispatcher.window:
            self._tell_room()

    def _refuse(self, job: Job, reason: str) -> None:
        self._ending.refuse(job, reason)

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
        self._disk.note_start()
        self._publish_start(station, job, pid, started)

    def _publish_start(self, station: Station, job: Job, pid: int, started: float) -> None:
        cores, gpus = (job.lease.grant.cores, job.lease.grant.gpus) if job.lease else ((), ())
        attempt, step = job.machine.attempt, job.machine.step
        host = station.node.host
        job.table.bus.publish(events.RunStarted(job.id, attempt, host, pid, cores, gpus, started, step))

    def _on_exit(self, station: Station, record: Exit) -> None:
        job = station.jobs.get(record.run) or self._heirs.heir(record)
        if job is None or (record.attempt, record.step) != (job.machine.attempt, job.machine.step):
            self._judge.note_past(record)
            return
        station.forget(job)
        if record.successor is not None and record.lease is not None:
            station.inherit(record.successor[0], record.lease)
        else:
            self._take_back(station, record.lease)
        self._judge.judge(job, record)

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
                self._ending.take_back(job)
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
                self._ending.take_back(job)
        elif kind == "refused":
            station.refuse(fields[0])
            self._fleet.desert(AgentsTakenOver(f"another driver has taken over: {fields[0]}"))
        elif kind == "note":
            self.bus.publish(events.Note(fields[0]))

    def _on_welcome(self, station: Station, facts: Mapping[str, Any]) -> None:
        station.welcome(facts)
        for job, pid, started in self._heirs.adopt(station, facts["live"]):
            self._publish_start(station, job, pid, started)
            if job.stop_cause is not None:
                station.cancel(job, "stop")  # its former driver may not have come to say so
        self.bus.publish(events.AgentStarted(station.node.host, facts["pid"]))

    def _publish_metrics(self, job: Job, attempt: int, text: str) -> None:
        for line in text.splitlines():
            try:
                report = codec.decode(line)
                event = events.MetricReported(job.id, attempt, report["time"], report.get("step"), report["metrics"])
            except (ValueError, KeyError, TypeError):
                continue  # the run's own file: whoever reads it there sees what is wrong with it
            job.table.bus.publish(event)

    # Stopping

    def cancel(self, job: Job, cause: Cause, how: str = "stop") -> None:
        """End a job: skip it if it has not started, else stop it; without effect if it has ended."""
        self._ending.cancel_all([job], cause, how)

    def cancel_all(self, jobs: Iterable[Job], cause: Cause, how: str = "stop") -> None:
        """End jobs, in one go over those that wait; see `cancel`."""
        self._ending.cancel_all(jobs, cause, how)

    def skip_waiting(self, is_meant: Callable[[Job], bool] = lambda job: True) -> None:
        """Skip every job that has not started; running ones go on."""
        self._ending.skip_waiting(is_meant)

    def abandon(self, job: Job) -> None:
        """Take a job for lost that nobody will ever hear of again."""
        self._ending.abandon(job)

    def _give_up(self) -> None:
        """Let nobody wait any more for what will not happen."""
        assert self.failure is not None
        self._dispatcher.refuse_waiters(self.failure)
        self._ending.abandon_all()
