"""A station: one agent as the driver sees it, with the runs that are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from runsemble.errors import AgentError, AgentsTakenOver
from runsemble.model.resources import Grant
from runsemble.nodes.link import AgentDied, AgentLink
from runsemble.nodes.place import Place
from runsemble.runners.job import Job
from runsemble.runners.lease import Lease

#: Seconds within which an agent must say what is there; one that does not is taken for dead, and killed.
ANSWER_S = 30.0
#: How often an agent may die within `REVIVAL_WINDOW_S` seconds before it is given up.
MAX_REVIVALS = 5
REVIVAL_WINDOW_S = 60.0


class Node(Protocol):
    """A place with an agent."""

    host: str

    @property
    def agent_pid(self) -> int | None:
        """Process id of the agent, None without one."""

    @property
    def place(self) -> Place:
        """Where the agent can be found again."""

    def prepare(self) -> None:
        """See to it that there is a place for an agent.

        Raises:
            AgentError: There is none, and none can be made.
        """

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Start the agent, or a successor of one that was lost, and connect to it."""

    async def close(self, patience_s: float, *, keeps: bool = False) -> None:
        """Wait for an agent that was told to end; keep what it knows and nobody has acknowledged if asked to."""

    async def kill(self) -> None:
        """Kill an agent that does not answer; what it knows is left to its successor.

        Raises:
            AgentError: Not even that ends it.
        """

    def leave(self) -> None:
        """Have nothing more to do with the agent, which lives on."""

    def twin(self, calls: bool | None = None) -> Node:
        """Return the same place, for one more agent; `calls`: whether it makes Python calls, as this one if None."""


class Station:
    """An agent on a node of the pool, with the runs and the leases that are there.

    Args:
        node_index: The node's index in the pool.
        node: Starts the agent.
        hello: What the agent is told first.
        hear: Called with the station and every batch of messages.
        lose: Called with the station when its agent was lost.
        announce: Called with the place of every agent before anything can run there.
    """

    def __init__(
        self,
        node_index: int,
        node: Node,
        hello: Mapping[str, Any],
        hear: Callable[[Station, list[Any]], None],
        lose: Callable[[Station], None],
        announce: Callable[[Place], Awaitable[None]],
    ) -> None:
        self.node_index = node_index
        self.node = node
        self.jobs: dict[int, Job] = {}  #: sent there and not ended, by number
        self.leases: dict[int, Lease] = {}  #: on loan there, by id
        self._ahead: dict[int, dict[int, Job]] = {}  #: sent ahead of a lease, by lane and number
        self._is_settled = False  #: the agent has told what is there
        self.is_current = False  #: agent and driver agree on what is there: runs may be sent
        self._hello = hello
        self._announce = announce
        self._hear = hear
        self._lose = lose
        self._link: AgentLink | None = None
        self._lent: set[int] = set()  #: of those sent ahead, the ones that were lent a lease
        self._called: set[int] = set()  #: of those sent ahead, the ones that were called back
        self._plans: set[int] = set()  #: known there
        self._live: dict[int, int] = {}  #: the runs that it said are alive, with their leases
        self._welcomed = asyncio.Event()
        self.is_reviving = False
        self._refusal = ""
        self.calls = False  #: its agent makes Python calls
        self._is_dismissed = False
        self._lost_at: list[float] = []

    def twin(self, calls: bool | None = None) -> Station:
        """Return another station on the same node; `calls`: whether it makes Python calls, as this one if None."""
        node = self.node.twin(calls)
        twin = Station(self.node_index, node, self._hello, self._hear, self._lose, self._announce)
        twin.calls = self.calls if calls is None else calls
        return twin

    @property
    def kind(self) -> tuple[int, bool]:
        """The node's index, and whether Python calls are made there."""
        return self.node_index, self.calls

    # Life

    async def open(self) -> None:
        """Start the agent, or its successor, and agree with it on what is there.

        Raises:
            AgentError: It cannot be started or reached, or refuses this driver.
            LeaseError: Another process has taken over a study that is recorded.
            StoreError: Where the agent is cannot be written down.
        """
        self._welcomed.clear()
        self._is_settled = False
        self._plans.clear()
        self.node.prepare()
        await self._announce(self.node.place)
        hello = dict(self._hello)
        self._link = await self.node.open(lambda messages: self._hear(self, messages), self._on_lost, hello)
        await self._wait_welcomed()
        if self._refusal:
            raise AgentsTakenOver(f"the agent on {self.node.host} refuses this driver: {self._refusal}")
        if not self._is_settled:
            raise AgentDied(f"the agent on {self.node.host} died at once")
        await self._announce(self.node.place)  # a driver that slept too long before it had the agent's ear ends here
        self.is_current = self._is_settled
        if not self.is_current:
            raise AgentDied(f"the agent on {self.node.host} died at once")

    async def _wait_welcomed(self) -> None:
        """Wait until the agent has said what is there.

        Raises:
            AgentDied: It did not, and was killed.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._welcomed.wait()
        except TimeoutError:
            words = f"the agent on {self.node.host} did not answer for {ANSWER_S:g} s, and is killed"
            self._hear(self, [["note", f"{words}; what it was running is started again"]])
            if self._link is not None:
                self._link.close()
                self._link = None
            await self.node.kill()
            raise AgentDied(words) from None

    async def open_at_last(self) -> None:
        """Do what `open` does, again and again if the agent dies at once.

        Raises:
            AgentError: It cannot be started or reached, refuses this driver, or has died too often.
        """
        for tries_left in reversed(range(MAX_REVIVALS)):
            try:
                await self.open()
                return
            except AgentDied:
                if not tries_left:
                    raise

    async def revive(self) -> None:
        """Start a successor of an agent that was lost, and another one if that is lost at once, and so on.

        Raises:
            AgentError: That happened too often, or the agent refuses this driver.
        """
        self.is_reviving = True
        try:
            while not self.is_current:
                now = time.monotonic()
                self._lost_at = [at for at in self._lost_at if now - at < REVIVAL_WINDOW_S] + [now]
                if len(self._lost_at) > MAX_REVIVALS:
                    raise AgentError(f"the agent on {self.node.host} died {len(self._lost_at)} times within a minute")
                try:
                    await self.open()
                except AgentError:
                    continue
        finally:
            self.is_reviving = False

    def _on_lost(self) -> None:
        self._link = None
        self.is_current = self._is_settled = False
        self._welcomed.set()
        self._lose(self)

    def tell_keeps(self, directories: list[str]) -> None:
        """Tell the agent where to leave what it knows and nobody has acknowledged when it ends."""
        if self._link is not None:
            self._link.send("keep", directories)

    def leave(self) -> None:
        """Have nothing more to do with the agent, which lives on."""
        if self._link is not None:
            self._link.close()
            self._link = None
        self.node.leave()

    def dismiss(self, how: str) -> None:
        """Tell the agent to end what runs ("stop" or "kill"), and then itself."""
        if self._link is not None:
            self._is_dismissed = True
            self._link.send("bye", how)
            self._link.flush()

    async def close(self, patience_s: float) -> None:
        """Wait for the dismissed agent to end; end it after `patience_s` seconds, or at once if it was not told."""
        await self.node.close(patience_s if self._is_dismissed else 0.0, keeps=bool(self._hello["keeps"]))
        if self._link is not None:
            self._link.close()
            self._link = None

    # Runs and leases

    def send_run(self, job: Job, lane: int, lease: Lease | None) -> None:
        """Send a run, with a lease, or ahead, to wait for one of its lane."""
        link, plan = self._link, job.plan
        assert link is not None
        if plan.number not in self._plans:
            self._plans.add(plan.number)
            link.send("plan", plan.number, plan.fields)
        job.place = self
        self.jobs[job.number] = job
        if lease is None:
            self._ahead.setdefault(lane, {})[job.number] = job
        else:
            self.leases[lease.id] = lease
            job.lease = lease
        argv = job.argv if job.own is None or plan.hook is None else [*job.argv, job.own]
        link.send(
            "run", plan.number, job.number, job.machine.attempt, job.machine.step, job.id, job.directory,
            job.params_text, job.files, argv, job.env, job.cwd, lane, lease.wire if lease else None,
        )  # fmt: skip

    @property
    def ahead_count(self) -> int:
        """How many runs wait there for a lease."""
        return sum(map(len, self._ahead.values()))

    @property
    def called_count(self) -> int:
        """How many runs were called back, and have neither come nor started."""
        return len(self._called)

    @property
    def callable_jobs(self) -> list[Job]:
        """The runs that wait there for a lease and may be called back, the latest first."""
        given = self._lent | self._called
        jobs = [job for waiting in self._ahead.values() for job in waiting.values() if job.number not in given]
        return jobs[::-1]

    def call_back(self, job: Job) -> None:
        """Ask for a run that was sent ahead, to start it elsewhere; it may have started already."""
        self._called.add(job.number)
        self.cancel(job, "drop")

    def ahead_of(self, lane: int) -> int:
        """How many runs of a lane wait there for a lease."""
        return len(self._ahead.get(lane, ()))

    def leases_of(self, lane: int) -> int:
        """How many leases of a lane are on loan there."""
        return sum(lease.lane == lane for lease in self.leases.values())

    def inherit(self, number: int, lease_id: int) -> None:
        """Take in that a run holds a lease now: one that it was sent or lent, or another run's."""
        job = self.jobs.get(number)
        lease = self.leases.get(lease_id)
        if job is not None and lease is not None and job.lease is not lease:
            job.lease = lease
            self._ahead.get(lease.lane, {}).pop(number, None)
            self._called.discard(number)

    def forget(self, job: Job) -> None:
        """Take in that a run is not there any more."""
        self.jobs.pop(job.number, None)
        job.lease = None
        self._lent.discard(job.number)
        self._called.discard(job.number)
        for waiting in self._ahead.values():
            waiting.pop(job.number, None)

    def take_back(self, lease_id: int) -> Grant | None:
        """Take in that a lease has come back; lend it again, or return its grant, to be released."""
        lease = self.leases.pop(lease_id, None)
        if lease is None:
            return None
        for job in self._ahead.get(lease.lane, {}).values():
            if self._link is not None and job.number not in self._lent and job.number not in self._called:
                self._lent.add(job.number)
                self.leases[lease.id] = lease
                self._link.send("lend", job.number, job.machine.attempt, lease.wire)
                return None
        return lease.grant

    # Talk

    def end_stranger(self, number: int, attempt: int) -> None:
        """End a run that is none of this driver's, and that nobody wants any more."""
        if self._link is not None:
            self._link.send("cancel", number, attempt, "stop")

    def cancel(self, job: Job, how: str) -> None:
        """Ask for the end of a run that was sent there."""
        if self._link is not None:
            self._link.send("cancel", job.number, job.machine.attempt, how)

    def acknowledge(self, seq: int) -> None:
        """Let the agent forget every exit up to `seq`."""
        if self._link is not None:
            self._link.send("ack", seq)

    def welcome(self, facts: Mapping[str, Any]) -> None:
        """Take in what the agent said of itself."""
        self._live = {run: lease for run, _, _, _, _, lease, _ in facts["live"]}

    def refuse(self, reason: str) -> None:
        """Take in that the agent does not obey this driver."""
        self._refusal = reason
        self._welcomed.set()
        self.node.leave()

    def settle(self) -> tuple[list[Job], list[Grant]]:
        """Take in that all is told.

        Returns:
            The runs that are neither live nor ended there, for they never began; the grants nobody holds there.
        """
        lost = [job for job in self.jobs.values() if job.number not in self._live]
        for job in lost:
            self.forget(job)
        held = set(self._live.values())
        free = [self.leases.pop(number).grant for number in list(self.leases) if number not in held]
        self._is_settled = True
        self._welcomed.set()
        return lost, free
