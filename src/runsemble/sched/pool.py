"""The pool: which core ids, GPU ids, memory and named counters are free, and on which node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from runsemble.model.resources import Grant, Inventory, Shape, count_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a pool is in use at one moment."""

    cores: int
    total_cores: int
    gpus: int
    total_gpus: int
    runs: int


class _Node:
    """What is free on one node. Cores and GPUs are bits: bit i stands for the i-th id of the inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.cores = (1 << len(inventory.cores)) - 1
        self.gpus = (1 << len(inventory.gpus)) - 1
        self.mem_mib = inventory.mem_mib
        self.named = dict(inventory.named)
        self.slots = inventory.slots if inventory.slots is not None else len(inventory.cores)
        self.runs = 0

    def fits(self, shape: Shape) -> bool:
        if self.runs >= self.slots or self.gpus.bit_count() < shape.gpus:
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
        self._nodes = [_Node(inventory) for inventory in nodes]

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
    def usage(self) -> Usage:
        """What is in use now."""
        cores = total = gpus = total_gpus = runs = 0
        for node in self._nodes:
            total += len(node.inventory.cores)
            cores += len(node.inventory.cores) - node.cores.bit_count()
            total_gpus += len(node.inventory.gpus)
            gpus += len(node.inventory.gpus) - node.gpus.bit_count()
            runs += node.runs
        return Usage(cores, total, gpus, total_gpus, runs)

    def capacity(self, shape: Shape) -> int:
        """Return how many runs of this shape fit into the empty pool."""
        return sum(_capacity(node, shape) for node in self._nodes)

    def why_never(self, shape: Shape) -> str | None:
        """Return a sentence saying why a request of this shape can never be granted, None if it can."""
        if any(_capacity(node, shape) for node in self._nodes):
            return None
        best = max((node.inventory for node in self._nodes), key=lambda i: (len(i.gpus), len(i.cores), i.mem_mib))
        return f"a run asks for {shape}, but {_place(best, len(self._nodes))} has {best}"

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
        if best.inventory.counts_cores:
            cores = lowest_block(best.cores, shape.cores)
        if shape.gpus:
            gpus = lowest_block(best.gpus, shape.gpus)
        best.cores &= ~cores
        best.gpus &= ~gpus
        best.mem_mib -= shape.mem_mib
        best.runs += 1
        for name, count in shape.named:
            best.named[name] -= count
        return Grant(index, _pick(best.inventory.cores, cores), _pick(best.inventory.gpus, gpus), shape)

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
        node = self._nodes[grant.node]
        cores = _bits(node.inventory.cores, grant.cores)
        gpus = _bits(node.inventory.gpus, grant.gpus)
        if node.cores & cores or node.gpus & gpus or not node.runs:
            raise ValueError(f"{grant} is not in use")
        node.cores |= cores
        node.gpus |= gpus
        node.mem_mib += grant.shape.mem_mib
        node.runs -= 1
        for name, count in grant.shape.named:
            node.named[name] += count


def lowest_block(free: int, count: int) -> int:
    """Return `count` of the set bits of `free`: the lowest adjacent ones, else the lowest ones.

    >>> bin(lowest_block(0b1110101, 2)), bin(lowest_block(0b10101, 2))
    ('0b110000', '0b101')
    """
    if count == 1:
        return free & -free
    starts = free
    width = 1
    while width < count and starts:  # bit i of `starts`: `width` adjacent bits are set from i on
        step = min(width, count - width)
        starts &= starts >> step
        width += step
    if starts:
        return ((1 << count) - 1) << ((starts & -starts).bit_length() - 1)
    taken = 0
    for _ in range(count):
        lowest = free & -free
        taken |= lowest
        free ^= lowest
    return taken


def _capacity(node: _Node, shape: Shape) -> int:
    inventory = node.inventory
    most = [node.slots]
    if inventory.counts_cores:
        most.append(len(inventory.cores) // shape.cores)
    if shape.gpus:
        most.append(len(inventory.gpus) // shape.gpus)
    if shape.mem_mib and inventory.mem_mib:
        most.append(inventory.mem_mib // shape.mem_mib)
    most += [_total(inventory.named, name) // count for name, count in shape.named]
    return min(most)


def _total(named: Mapping[str, int], name: str) -> int:
    return named.get(name, 0)


def _place(inventory: Inventory, nodes: int) -> str:
    return "this machine" if nodes == 1 else f"the largest of {count_of(nodes, 'node')} ({inventory.host})"


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
