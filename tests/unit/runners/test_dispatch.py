"""The dispatcher on agents that only note what they are sent."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from runsemble.errors import AgentError
from runsemble.model.resources import Inventory, Shape
from runsemble.nodes.place import Place
from runsemble.runners.bus import EventBus
from runsemble.runners.dispatch import Dispatcher, Placement
from runsemble.runners.fleet import Fleet, FleetListener
from runsemble.runners.job import Job, Plan
from runsemble.runners.station import Station
from runsemble.runners.table import RunTable
from runsemble.sched.pool import Pool
from runsemble.sched.retry import RetryPolicy

ONE = Shape(1)
#: Seconds that a run takes which is worth sending ahead; and one that is not.
SHORT_S, LONG_S = 0.001, 10.0


class Link:
    """Notes what an agent is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def send(self, *message: Any) -> None:
        self.sent.append(message)

    def runs(self) -> list[int]:
        return [message[2] for message in self.sent if message[0] == "run"]

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Node:
    """A place whose agent is up at once."""

    host = "nowhere"
    agent_pid = None
    place = Place("nowhere", "/nowhere", "/nowhere/spool")

    def __init__(self) -> None:
        self.link = Link()

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> Any:
        on_messages([["welcome", {"live": []}], ["current"]])
        return self.link

    async def close(self, patience_s: float, *, keeps: bool = False) -> None: ...

    def prepare(self) -> None: ...

    async def kill(self) -> None: ...

    def leave(self) -> None: ...

    def twin(self, calls: bool | None = None) -> "Node":
        return Node()


class CrampedNode(Node):
    """A place where no second agent can be started."""

    def __init__(self) -> None:
        super().__init__()
        self.further: list[Node] = []

    def twin(self, calls: bool | None = None) -> Node:
        self.further.append(NoNode())
        return self.further[-1]


class NoNode(Node):
    """A place where no agent can be started."""

    async def open(
        self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
    ) -> Any:
        raise AgentError("there is no room")


async def announce(place: Place) -> None: ...


class Floor:
    """A dispatcher with agents, and jobs to dispatch."""

    def __init__(self, nodes: Sequence[Node], cores: int) -> None:
        pool = self.pool = Pool([Inventory(cores=tuple(range(cores)), mem_mib=1000) for _ in nodes])
        listener = FleetListener(self._hear, lambda: None, lambda: None, announce)
        bus = EventBus()
        self.fleet = Fleet(list(enumerate(nodes)), {"grace_s": 1.0, "keeps": []}, bus, listener)
        self.dispatcher = Dispatcher(pool, self.fleet, Placement(), lambda job, reason: None)
        self._table = RunTable(bus)

    @staticmethod
    def _hear(station: Station, messages: list[Any]) -> None:
        for kind, *fields in messages:
            if kind == "welcome":
                station.welcome(fields[0])
            elif kind == "current":
                station.settle()

    def push(self, count: int, shape: Shape = ONE) -> None:
        plan = Plan(shape.cores, {}, shape, 1, "files", RetryPolicy(retries=0))
        for _ in range(count):
            job = Job(self._table, plan, ["true"], "/nowhere", "", {})
            self._table.add(job)
            self.dispatcher.push(job)


async def open_floor(nodes: Sequence[Node], cores: int, taking_s: float | None = None) -> Floor:
    floor = Floor(nodes, cores)
    await floor.fleet.open()
    if taking_s is not None:
        floor.dispatcher.tempo.learn(ONE, taking_s)
    return floor


async def test_as_many_are_started_as_there_are_cores_for() -> None:
    node = Node()
    floor = await open_floor([node], cores=3)
    floor.push(10)
    floor.dispatcher.start()
    assert node.link.runs() == [0, 1, 2]
    assert floor.dispatcher.waiting_count == 7


@pytest.mark.parametrize(("taking_s", "ahead"), [(SHORT_S, True), (LONG_S, False), (None, False)])
async def test_only_runs_known_to_be_short_are_sent_ahead(taking_s: float | None, ahead: bool) -> None:
    node = Node()
    floor = await open_floor([node], 2, taking_s)
    floor.push(10)
    floor.dispatcher.start()
    assert node.link.runs() == list(range(10 if ahead else 2))


async def test_no_agent_is_sent_more_ahead_than_its_share() -> None:
    nodes = [Node(), Node()]
    floor = await open_floor(nodes, 1, SHORT_S)
    floor.push(100)
    floor.dispatcher.start()
    share = floor.dispatcher.window // 2
    assert [len(node.link.runs()) for node in nodes] == [1 + share, 1 + share]


async def test_nothing_is_started_before_the_agents_are_up_or_while_paused() -> None:
    node = Node()
    floor = Floor([node], 2)
    floor.push(1)
    floor.dispatcher.start()
    await floor.fleet.open()
    floor.dispatcher.is_paused = True
    floor.dispatcher.start()
    assert node.link.sent == []
    floor.dispatcher.is_paused = False
    floor.dispatcher.start()
    assert node.link.runs() == [0]


async def test_order_is_kept_while_an_agent_is_replaced() -> None:
    node = Node()
    floor = await open_floor([node], 2)
    (station,) = floor.fleet.stations
    station.is_current = False
    floor.push(3)
    floor.dispatcher.start()
    assert node.link.sent == []
    station.is_current = True
    floor.dispatcher.start()
    assert node.link.runs() == [0, 1]


@pytest.mark.parametrize("cores", [1, 2])
async def test_two_agents_of_a_node_share_the_runs_whatever_their_size(cores: int) -> None:
    floor = await open_floor([Node()], 4 * cores)
    await relieve(floor, 2)
    floor.push(4, Shape(cores))
    floor.dispatcher.start()
    assert [len(station.jobs) for station in floor.fleet.current] == [2, 2]
    await floor.fleet.close("stop")


async def relieve(floor: Floor, count: int) -> None:
    floor.fleet.relieve(lambda node: count)
    for _ in range(5):  # its agents are up at once
        await asyncio.sleep(0)


async def test_as_many_agents_are_started_as_a_node_lacks() -> None:
    floor = await open_floor([Node(), Node()], 8)
    for wanted in (1, 3, 2, 4):
        await relieve(floor, wanted)
    assert sorted(station.node_index for station in floor.fleet.current) == [0] * 4 + [1] * 4
    await floor.fleet.close("stop")


async def test_a_node_on_which_no_further_agent_can_be_started_does_with_those_it_has() -> None:
    node = CrampedNode()
    floor = await open_floor([node], 8)
    for _ in range(2):
        await relieve(floor, 4)
        assert len(floor.fleet.stations) == 1
    assert len(node.further) == 3, "it was tried again"
    floor.push(8)
    floor.dispatcher.start()
    assert len(floor.fleet.stations[0].jobs) == 8
    await floor.fleet.close("stop")


async def test_no_further_agents_are_started_where_those_that_there_are_end() -> None:
    floor = await open_floor([Node()], 8)
    await floor.fleet.close("stop")
    await relieve(floor, 4)  # the ends of runs that were stopped are judged like any
    assert len(floor.fleet.stations) == 1


async def test_runs_are_shared_out_among_all_agents_by_core() -> None:
    floor = await open_floor([Node()], 8)
    await relieve(floor, 4)
    floor.push(8)
    floor.dispatcher.start()
    found = [sorted(lease.grant.cores[0] for lease in station.leases.values()) for station in floor.fleet.current]
    assert found == [[0, 4], [1, 5], [2, 6], [3, 7]]
    await floor.fleet.close("stop")


async def test_nothing_overtakes_user_code_that_waits() -> None:
    node = Node()
    floor = await open_floor([node], 1, SHORT_S)
    floor.push(1)
    floor.dispatcher.start()
    waiting = asyncio.create_task(floor.dispatcher.request(ONE))
    await asyncio.sleep(0)
    floor.push(5)
    floor.dispatcher.start()
    waiting.cancel()
    assert node.link.runs() == [0]


async def test_runs_behind_a_long_one_are_called_back_for_an_idle_agent() -> None:
    nodes = [Node(), Node()]
    floor = await open_floor(nodes, 1, SHORT_S)
    floor.push(6)
    floor.dispatcher.start()
    first, second = floor.fleet.stations
    ahead = list(first.jobs.values())[1:]
    assert ahead
    for job in list(second.jobs.values()):  # all its runs end, and its lease comes back
        second.forget(job)
    grant = second.take_back(next(iter(second.leases)))
    assert grant is not None
    floor.pool.release(grant)
    floor.dispatcher.start()
    floor.dispatcher.start()
    drops = [message[1] for message in nodes[0].link.sent if message[0] == "cancel"]
    assert drops == [ahead[-1].number]  # as many as there is room for, and once
    first.forget(ahead[-1])
    floor.dispatcher.push(ahead[-1])
    floor.dispatcher.start()
    assert nodes[1].link.runs()[-1] == ahead[-1].number
