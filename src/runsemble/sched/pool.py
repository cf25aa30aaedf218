"""The pool: which core ids, GPU ids, memory and named counters are free, and on which node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from runsemble.model.resources import Grant, Inventory, Shape

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PoolUsage:
    """How much of a pool is in use at one moment."""

    cores: int
    total_cores: int
    gpus: int
    total_gpus: int
    runs: int
    counts_cores: bool = True  #: false where slots stand in for cores


class _Node:
    """What is free on one node. Cores and GPUs are bits: bit i stands for the i-th id of the inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.cores = (1 << len(inventory.cores)) - 1
        self.gpus = (1 << len(inventory.gpus)) - 1
        self.mem_mib = inventory.mem_mib
        self.named = dict(inventory.named)
        self.slots = len(inventory.cores) if inventory.slots is None else inventory.slots
        if inventory.counts_cores:
            self.slots = min(self.slots, len(inventory.cores))
        self.runs = 0

    def fits(self, shape: Shape) -> bool:
        if shape.cores and self.runs >= self.slots:
            return False
        if self.gpus.bit_count() < shape.gpus:
            return False
        if self.inventory.counts_cores and self.cores.bit_count() < shape.cores:
            return False
        if self.inventory.mem_mib and self.mem_mib < shape.mem_mib:
            return False
        return not shape.named or all(self.named.get(name, 0) >= count for name, count in shape.named)


class Pool:
    """Hands out what the nodes have, and takes it back. No call blocks, and none takes longer than some microseconds.

    A grant names physical ids, each in at most one grant at a time. Cores of one grant stand side by side in the
    inventory where such a gap is free, so that siblings and neighbours stay together.
    """

    def __init__(self, nodes: Sequence[Inventory]) -> None:
        if not nodes:
            raise ValueError("a pool needs a node")
        self._nodes = [_Node(inventory) for inventory in nodes]
        self._out: set[int] = set()  #: numbers of the grants that were given and not taken back
        self._given = 0

    @property
    def nodes(self) -> list[Inventory]:
        """The inventories, by the node index of a grant."""
        return [node.inventory for node in self._nodes]

    @property
    def slots(self) -> int:
        """How many runs of the smallest shape fit at the same time."""
        return sum(node.slots for node in self._nodes)

    def slots_of(self, node: int) -> int:
        """Return how many runs of the smallest shape fit on a node at the same time."""
        return self._nodes[node].slots

    @property
    def usage(self) -> PoolUsage:
        """What is in use now."""
        cores = total = gpus = total_gpus = runs = 0
        for node in self._nodes:
            total += len(node.inventory.cores)
            cores += len(node.inventory.cores) - node.cores.bit_count()
            total_gpus += len(node.inventory.gpus)
            gpus += len(node.inventory.gpus) - node.gpus.bit_count()
            runs += node.runs
        counts_cores = all(node.inventory.counts_cores for node in self._nodes)
        return PoolUsage(cores, total, gpus, total_gpus, runs, counts_cores)

    def capacity(self, shape: Shape) -> int:
        """Return how many runs of this shape fit into the empty pool."""
        return sum(_capacity(node, shape) for node in self._nodes)

    def room(self, shape: Shape) -> int:
        """Return how many more runs of this shape fit now."""
        return sum(_room(node, shape) for node in self._nodes)

    def why_never(self, shape: Shape) -> str | None:
        """Return a sentence saying why a request of this shape can never be granted, None if it can."""
        if any(_capacity(node, shape) for node in self._nodes):
            return None
        best = max((node.inventory for node in self._nodes), key=lambda i: (len(i.gpus), len(i.cores), i.mem_mib))
        if len(self._nodes) == 1:
            return f"a run asks for {shape}, but this runner has {best}"
        return f"a run asks for {shape}, but the largest of {len(self._nodes)} nodes ({best.host}) has {best}"

    def try_grant(self, shape: Shape) -> Grant | None:
        """Take what a request of this shape needs off the fullest node on which it fits; None if it fits nowhere."""
        best: _Node | None = None
        index = 0
        for at, node in enumerate(self._nodes):
            if node.fits(shape) and (best is None or node.cores.bit_count() < best.cores.bit_count()):
                best, index = node, at
        if best is None:
            return None
        cores = gpus = 0
        if best.inventory.counts_cores and shape.cores:
            cores = lowest_block(best.cores, shape.cores, best.inventory.threads_per_core)
        if shape.gpus:
            gpus = lowest_block(best.gpus, shape.gpus)
        best.cores &= ~cores
        best.gpus &= ~gpus
        best.mem_mib -= shape.mem_mib
        best.runs += shape.cores > 0
        for name, count in shape.named:
            best.named[name] -= count
        self._given += 1
        self._out.add(self._given)
        inventory = best.inventory
        return Grant(index, _pick(inventory.cores, cores), _pick(inventory.gpus, gpus), shape, self._given)

    def add_gpus(self, node: int, gpus: tuple[str, ...]) -> None:
        """Take further GPUs of a node into the pool."""
        entry = self._nodes[node]
        known = entry.inventory.gpus
        entry.inventory = replace(entry.inventory, gpus=known + gpus)
        entry.gpus |= ((1 << len(gpus)) - 1) << len(known)

    def release(self, grant: Grant) -> None:
        """Take a grant back.

        Raises:
            ValueError: It is not out: released before, or never given.
        """
        try:
            self._out.remove(grant.number)
        except KeyError:
            raise ValueError(f"{grant} is not in use") from None
        node = self._nodes[grant.node]
        cores = _bits(node.inventory.cores, grant.cores)
        gpus = _bits(node.inventory.gpus, grant.gpus)
        node.cores |= cores
        node.gpus |= gpus
        node.mem_mib += grant.shape.mem_mib
        node.runs -= grant.shape.cores > 0
        for name, count in grant.shape.named:
            node.named[name] += count


def lowest_block(free: int, count: int, group: int = 1) -> int:
    """Return `count` of the set bits of `free`, as close together as can be.

    Where bits come in groups, as the hardware threads of a core do, whole free groups come first: several bits share
    as few groups as possible, a single one has a group to itself. Otherwise the lowest adjacent bits are taken, else
    the lowest ones.

    >>> bin(lowest_block(0b1110101, 2)), bin(lowest_block(0b10101, 2)), bin(lowest_block(0b11110, 2, group=2))
    ('0b110000', '0b101', '0b1100')
    """
    starts = 0
    if group > 1:
        starts = _block_starts(free, max(count, group)) & _multiples(group, free.bit_length())
    starts = starts or _block_starts(free, count)
    if starts:
        return ((1 << count) - 1) << ((starts & -starts).bit_length() - 1)
    taken = 0
    for _ in range(count):
        lowest = free & -free
        taken |= lowest
        free ^= lowest
    return taken


def _block_starts(free: int, count: int) -> int:
    """Return a bit for every place from which `count` adjacent bits are set."""
    starts = free
    width = 1
    while width < count and starts:  # bit i of `starts`: `width` adjacent bits are set from i on
        step = min(width, count - width)
        starts &= starts >> step
        width += step
    return starts


@cache
def _multiples(group: int, length: int) -> int:
    """Return a bit for every multiple of `group` below `length`."""
    return sum(1 << at for at in range(0, length, group))


def _capacity(node: _Node, shape: Shape) -> int:
    all_of = node.inventory
    return _times(shape, all_of, node.slots, len(all_of.cores), len(all_of.gpus), all_of.mem_mib, all_of.named)


def _room(node: _Node, shape: Shape) -> int:
    slots, cores, gpus = node.slots - node.runs, node.cores.bit_count(), node.gpus.bit_count()
    return _times(shape, node.inventory, slots, cores, gpus, node.mem_mib, node.named)


def _times(
    shape: Shape, inventory: Inventory, slots: int, cores: int, gpus: int, mem_mib: int, named: Mapping[str, int]
) -> int:
    """Return how many runs of a shape so much of a node is enough for."""
    most = [slots] if shape.cores else [1 << 30]
    if inventory.counts_cores and shape.cores:
        most.append(cores // shape.cores)
    if shape.gpus:
        most.append(gpus // shape.gpus)
    if shape.mem_mib and inventory.mem_mib:
        most.append(mem_mib // shape.mem_mib)
    most += [_total(named, name) // count for name, count in shape.named]
    return min(most)


def _total(named: Mapping[str, int], name: str) -> int:
    return named.get(name, 0)


def _pick(ids: tuple[T, ...], bits: int) -> tuple[T, ...]:
    picked = []
    while bits:
        lowest = bits & -bits
        picked.append(ids[lowest.bit_length() - 1])
        bits ^= lowest
    return tuple(picked)


def _bits(ids: tuple[object, ...], picked: tuple[object, ...]) -> int:
    bits = 0
    for item in picked:
        bits |= 1 << ids.index(item)
    return bits
