"""A station: one agent as the driver sees it, with the runs that are there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from runsemble.errors import AgentError
from runsemble.model.resources import Grant
from runsemble.nodes.link import AgentLink
from runsemble.runners.lease import Lease
from runsemble.runners.table import Job

#: How often an agent may die within `REVIVAL_WINDOW_S` seconds before it is given up.
MAX_REVIVALS = 5
REVIVAL_WINDOW_S = 60.0


class Node(Protocol):
    """A place with an agent."""

    host: str

    @property
    def agent_pid(self) -> int | None:
        """Process id of the agent, None without one."""

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> AgentLink:
        """Start the agent, or a successor of one that was lost, and connect to it."""

    async def close(self, patience_s: float) -> None:
        """Wait for an agent that was told to end."""

    def twin(self) -> Node:
        """Return the same place, for one more agent."""


class Station:
    """An agent on a node of the pool, with the runs and the leases that are there.

    Args:
        node_index: The node's index in the pool.
        node: Starts the agent.
        hello: What the agent is told first.
        hear: Called with the station and every batch of messages.
        lose: Called with the station when its agent was lost.
    """

    def __init__(
        self,
        node_index: int,
        node: Node,
        hello: Mapping[str, Any],
        hear: Callable[[Station, list[Any]], None],
        lose: Callable[[Station], None],
    ) -> None:
        self.node_index = node_index
        self.node = node
        self.jobs: dict[int, Job] = {}  #: sent there and not ended, by number
        self.leases: dict[int, Lease] = {}  #: on loan there, by id
        self._ahead: dict[int, dict[int, Job]] = {}  #: sent ahead of a lease, by lane and number
        self.is_current = False  #: agent and driver agree on what is there: runs may be sent
        self._hello = dict(hello)
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
        self._is_dismissed = False
        self._lost_at: list[float] = []

    def twin(self) -> Station:
        """Return another station on the same node."""
        return Station(self.node_index, self.node.twin(), self._hello, self._hear, self._lose)

    # Life

    async def open(self) -> None:
        """Start the agent, or its successor, and agree with it on what is there.

        Raises:
            AgentError: It cannot be started or reached, or refuses this driver.
        """
        self._welcomed.clear()
        self._plans.clear()
        self._link = await self.node.open(lambda messages: self._hear(self, messages), self._on_lost, self._hello)
        await self._welcomed.wait()
        if self._refusal:
            raise AgentError(f"the agent on {self.node.host} refuses this driver: {self._refusal}")
        if not self.is_current:
            raise AgentError(f"the agent on {self.node.host} died at once")

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
                    if self._refusal:
                        raise
        finally:
            self.is_reviving = False

    def _on_lost(self) -> None:
        self._link = None
        self.is_current = False
        self._welcomed.set()
        self._lose(self)

    def dismiss(self, how: str) -> None:
        """Tell the agent to end what runs ("stop" or "kill"), and then itself."""
        if self._link is not None:
            self._is_dismissed = True
            self._link.send("bye", how)
            self._link.flush()

    async def close(self, patience_s: float) -> None:
        """Wait for the dismissed agent to end; end it after `patience_s` seconds, or at once if it was not told."""
        await self.node.close(patience_s if self._is_dismissed else 0.0)
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
        link.send(
            "run", plan.number, job.number, job.machine.attempt, 0, job.id, job.directory, job.params_text, job.files,
            job.argv, job.env, lane, lease.wire if lease else None,
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
        self._live = {run: lease for run, _, _, _, _, lease in facts["live"]}

    def refuse(self, reason: str) -> None:
        """Take in that the agent does not obey this driver."""
        self._refusal = reason
        self._welcomed.set()

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
        self.is_current = True
        self._welcomed.set()
        return lost, free
