"""The agents of a runner: they are started, replaced when they are lost, relieved when runs are short, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from runsemble.errors import AgentError, AgentsTakenOver, LeaseError, StoreError
from runsemble.model import events
from runsemble.model.resources import Grant
from runsemble.nodes.place import Place
from runsemble.runners.bus import EventBus
from runsemble.runners.station import Node, Station

#: Seconds beyond the grace period within which an agent that was told to end has to.
END_S = 15.0


@dataclass(frozen=True, slots=True)
class FleetListener:
    """Whom a fleet tells what."""

    hear: Callable[[Station, list[Any]], None]  #: what an agent has said
    resume: Callable[[], None]  #: a lost agent was replaced
    give_up: Callable[[], None]  #: the fleet has failed for good
    announce: Callable[[Place], Awaitable[None]]  #: an agent is about to be started or reached


class Fleet:
    """One agent for each node, further ones where that pays.

    Args:
        nodes: Each with its index in the pool.
        hello: What every agent is told first.
        bus: Where losses are told.
        listener: Whom else to tell.
        relieves: Whether further agents that start programs are started where that pays.
    """

    def __init__(
        self,
        nodes: Sequence[tuple[int, Node]],
        hello: dict[str, Any],
        bus: EventBus,
        listener: FleetListener,
        relieves: bool = True,
    ) -> None:
        self.failure: Exception | None = None  #: the agents cannot be kept alive; nothing more will happen
        self._is_open = False
        self._bus = bus
        self._listener = listener
        self._grace_s: float = hello["grace_s"]
        self._hello = hello
        self._stations = [
            Station(index, node, hello, listener.hear, self._lose, listener.announce) for index, node in nodes
        ]
        self._tasks: set[asyncio.Task[None]] = set()
        self._kinds = {station.kind for station in self._stations}
        #: Kinds that get no further agents.
        self._enough: set[tuple[int, bool]] = set() if relieves else set(self._kinds)

    @property
    def stations(self) -> Sequence[Station]:
        """Every agent."""
        return self._stations

    @property
    def current(self) -> list[Station]:
        """The agents to which runs can be sent."""
        return [station for station in self._stations if station.is_current]

    @property
    def pids(self) -> list[int]:
        """Process ids of the agents on this machine."""
        return [pid for station in self._stations if (pid := station.node.agent_pid) is not None]

    @property
    def places(self) -> list[Place]:
        """Where the agents can be found again."""
        return [station.node.place for station in self._stations]

    @property
    def is_whole(self) -> bool:
        """Whether every node has an agent of each kind to which runs can be sent."""
        return self._is_open and {station.kind for station in self.current} == self._kinds

    def station_for(self, grant: Grant, *, calls: bool = False) -> Station:
        """Return the agent for a grant, of a fleet that is whole.

        It is the one with the least to do; else the same one for the same core, so that it seldom has to change its
        own.
        """
        able = [station for station in self.current if station.kind == (grant.node, calls)]
        first = grant.cores[0] % len(able) if grant.cores else 0
        return min(able[first:] + able[:first], key=lambda station: len(station.leases))

    async def open(self) -> None:
        """Start the agents; on return runs can be sent.

        Raises:
            AgentError: One could not be started or reached.
        """
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(self._begin(station))
        if self.failure is not None:
            raise self.failure
        self._is_open = True
        for station in self._stations:
            self._revive_if_lost(station)  # it may have died before anybody would have listened

    async def _begin(self, station: Station) -> None:
        try:
            await station.open_at_last()
        except (AgentsTakenOver, LeaseError) as error:
            self.failure = AgentsTakenOver(str(error))  # so that `close` leaves the agents to whoever has them now
            raise

    async def keep(self, directories: list[str]) -> None:
        """Let what agents know outlive them, until it is acknowledged; and tell where they are.

        Args:
            directories: Where they leave it.
        """
        for station in self._stations:
            await self._listener.announce(station.node.place)
        self.tell_keeps(directories)

    def tell_keeps(self, directories: list[str]) -> None:
        """Tell the agents where to leave what they know, should they have to."""
        self._hello["keeps"] = directories
        for station in self._stations:
            station.tell_keeps(directories)

    def desert(self, failure: AgentError) -> None:
        """Fail: have nothing more to do with the agents, which go on without this driver."""
        self.failure = self.failure or failure
        if self._is_open:
            self._is_open = False
            self._listener.give_up()

    def leave(self, why: AgentsTakenOver) -> None:
        """Have nothing more to do with the agents, from this moment on; nothing is given up."""
        self.failure = self.failure or why
        self._is_open = False
        for task in self._tasks:
            task.cancel()
        for station in self._stations:
            station.leave()

    async def close(self, how: str) -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL), "kill", or "leave": the agents live on, without this driver.
        """
        self._is_open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if how == "leave" or isinstance(self.failure, AgentsTakenOver):
            for station in self._stations:
                station.leave()
            return
        for station in self._stations:
            station.dismiss(how)
        patience_s = END_S + (self._grace_s if how == "stop" else 0.0)
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.close(patience_s))

    async def enable_calls(self) -> None:
        """Have an agent on every node that makes Python calls.

        Raises:
            AgentError: One could not be started.
        """
        nodes = {station.node_index: station for station in self._stations if not station.calls}
        for index, station in nodes.items():
            if (index, True) in self._kinds:
                continue
            caller = station.twin(calls=True)
            await caller.open()
            self._stations.append(caller)
            self._kinds.add(caller.kind)
            self._revive_if_lost(caller)

    def relieve(self, wanted: Callable[[int], int], *, calls: bool = False) -> None:
        """Start further agents of a kind on every node that has fewer than wanted, unless this fleet is ending.

        Args:
            wanted: Says how many for a node's index.
            calls: The kind: whether they make Python calls.
        """
        if not self._is_open or self.failure is not None:
            return
        alike: dict[tuple[int, bool], list[Station]] = {}
        for station in self._stations:
            alike.setdefault(station.kind, []).append(station)
        for kind, stations in alike.items():
            if kind[1] != calls or kind in self._enough:
                continue
            for _ in range(wanted(kind[0]) - len(stations)):
                relief = stations[0].twin()
                relief.is_reviving = True  # by the task
                self._stations.append(relief)
                self._start_task(self._relieve(relief))

    async def _relieve(self, relief: Station) -> None:
        try:
            await relief.open()
        except AgentError:
            if not relief.jobs:  # fewer agents do the same work, more slowly
                self._enough.add(relief.kind)
                self._stations.remove(relief)
                await relief.close(0.0)
                return
        except (LeaseError, StoreError) as error:
            self._fail(error)
            return
        relief.is_reviving = False
        self._revive_if_lost(relief)
        self._listener.resume()

    def _lose(self, station: Station) -> None:
        """React to the loss of an agent: start its successor, which tells what became of its runs."""
        if self._is_open:
            self._bus.publish(events.AgentLost(station.node.host, len(station.jobs)))
            self._revive_if_lost(station)

    def _revive_if_lost(self, station: Station) -> None:
        if not station.is_current and not station.is_reviving:
            self._start_task(self._revive(station))

    async def _revive(self, station: Station) -> None:
        try:
            await station.revive()
        except (AgentError, LeaseError, StoreError, OSError) as error:
            self._fail(error)
        else:
            self._listener.resume()

    def _fail(self, error: Exception) -> None:
        """Take the agents for lost, for good; another driver's if it is the lease that is lost."""
        if isinstance(error, LeaseError):
            self.desert(AgentsTakenOver(str(error)))
        else:
            self.failure = error
            self._listener.give_up()

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work on the agents go on in a task of the fleet's, which ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
