"""The agents of a runner: they are started, replaced when they are lost, relieved when runs are short, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from runsemble.errors import AgentError
from runsemble.model import events
from runsemble.model.resources import Grant
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


class Fleet:
    """One agent for each node, a second one where that pays.

    Args:
        nodes: In the order of the pool's inventories.
        slots_of: How many runs a node of that index can have at the same time.
        hello: What every agent is told first.
        bus: Where losses are told.
        listener: Whom else to tell.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        slots_of: Callable[[int], int],
        hello: dict[str, Any],
        bus: EventBus,
        listener: FleetListener,
    ) -> None:
        self.failure: Exception | None = None  #: the agents cannot be kept alive; nothing more will happen
        self._is_open = False
        self._node_count = len(nodes)
        self._slots_of = slots_of
        self._bus = bus
        self._listener = listener
        self._grace_s: float = hello["grace_s"]
        self._stations = [Station(i, node, hello, listener.hear, self._lose) for i, node in enumerate(nodes)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_relief = False

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
    def is_whole(self) -> bool:
        """Whether every node has an agent to which runs can be sent."""
        return self._is_open and len({station.node_index for station in self.current}) == self._node_count

    def station_for(self, grant: Grant) -> Station:
        """Return the agent for a grant, of a fleet that is whole.

        It is the one with the least to do; else the same one for the same core, so that it seldom has to change its
        own.
        """
        able = [station for station in self.current if station.node_index == grant.node]
        first = grant.cores[0] % len(able) if grant.cores else 0
        return min(able[first:] + able[:first], key=lambda station: len(station.leases))

    async def open(self) -> None:
        """Start the agents; on return runs can be sent.

        Raises:
            AgentError: One could not be started or reached.
        """
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.open())
        self._is_open = True
        for station in self._stations:
            self._revive_if_lost(station)  # it may have died before anybody would have listened

    async def close(self, how: str) -> None:
        """End whatever runs, then the agents; bounded in time even if processes resist.

        Args:
            how: "stop" (TERM, grace, KILL) or "kill".
        """
        self._is_open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for station in self._stations:
            station.dismiss(how)
        patience_s = END_S + (self._grace_s if how == "stop" else 0.0)
        async with asyncio.TaskGroup() as group:
            for station in self._stations:
                group.create_task(station.close(patience_s))

    def relieve(self) -> None:
        """Start a second agent on every node that can have several runs at a time; without effect the second time."""
        if not self._has_relief:
            self._has_relief = True
            self._start_task(self._relieve())

    async def _relieve(self) -> None:
        for station in list(self._stations):
            if self._slots_of(station.node_index) < 2:
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
        except (AgentError, OSError) as error:
            self.failure = error
            self._listener.give_up()
        else:
            self._listener.resume()

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Let work on the agents go on in a task of the fleet's, which ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
