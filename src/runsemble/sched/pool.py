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
        if inventory.counts_cores and inventory.counts_small:
            self.slots = min(self.slots, len(inventory.cores))
        self.runs = 0

    def counted(self, shape: Shape) -> tuple[int, int]:
        """Return how many cores and GPUs a run takes here.

        Where small runs are not counted, those that ask for more than there is take all of it, and wait for no more.
        """
        inventory = self.inventory
        if inventory.counts_small:
            return shape.cores if inventory.counts_cores else 0, shape.gpus
        cores = min(shape.cores, len(inventory.cores)) if shape.cores > 1 or shape.gpus else 0
        return cores, min(shape.gpus, len(inventory.gpus))

    def fits(self, shape: Shape) -> bool:
        if shape.cores and self.runs >= self.slots:
            return False
        cores, gpus = self.counted(shape)
        if self.gpus.bit_count() < gpus or self.cores.bit_count() < cores:
            return False
        if shape.mem_mib and self.inventory.mem_mib and self.mem_mib < shape.mem_mib:
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

    def capacity_of(self, node: int, shape: Shape) -> int:
        """Return how many runs of this shape fit on a node where nothing runs."""
        return _capacity(self._nodes[node], shape)

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
        core_count, gpu_count = best.counted(shape)
        cores = lowest_block(best.cores, core_count, best.inventory.threads_per_core) if core_count else 0
        gpus = lowest_block(best.gpus, gpu_count) if gpu_count else 0
        return self._take(index, shape, cores, gpus)

    def _take(self, index: int, shape: Shape, cores: int, gpus: int) -> Grant:
        """Take bits off a node, with the memory and the counters of a shape."""
        node = self._nodes[index]
        node.cores &= ~cores
        node.gpus &= ~gpus
        node.mem_mib -= shape.mem_mib
        node.runs += shape.cores > 0
        for name, count in shape.named:
            node.named[name] = node.named.get(name, 0) - count
        self._given += 1
        self._out.add(self._given)
        inventory = node.inventory
        return Grant(index, _pick(inventory.cores, cores), _pick(inventory.gpus, gpus), shape, self._given)

    def exceeds(self, shape: Shape) -> bool:
        """Tell whether a run asks for more than any node has, and gets all that there is instead."""
        return not any(
            node.inventory.counts_small
            or (len(node.inventory.cores) >= shape.cores and len(node.inventory.gpus) >= shape.gpus)
            for node in self._nodes
        )

    def resize(self, count: int) -> None:
        """Have at most `count` grants for runs out at the same time, shared out evenly among the nodes.

        Those that are out stay out.
        """
        share, rest = divmod(count, len(self._nodes))
        for at, node in enumerate(self._nodes):
            node.slots = max(1, share + (at < rest))
            if node.inventory.counts_cores and node.inventory.counts_small:
                node.slots = min(node.slots, len(node.inventory.cores))

    def adopt(self, node: int, shape: Shape, cores: Sequence[int], gpus: Sequence[str]) -> Grant:
        """Note what a run holds that somebody else has started; where there is less by now, more than all is out.

        Args:
            node: The node's index.
            shape: What it asked for.
            cores: The ids of its cores, where those are counted.
            gpus: The ids of its GPUs.
        """
        entry = self._nodes[node]
        inventory = entry.inventory
        there = [core for core in cores if inventory.counts_cores and core in inventory.cores]
        core_bits = _bits(inventory.cores, tuple(there)) & entry.cores
        gpu_bits = _bits(inventory.gpus, tuple(gpu for gpu in gpus if gpu in inventory.gpus)) & entry.gpus
        return self._take(node, shape, core_bits, gpu_bits)

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
    counts = node.slots, len(all_of.cores), len(all_of.gpus)
    return _times(shape, node.counted(shape), counts, all_of.mem_mib or None, all_of.named)


def _room(node: _Node, shape: Shape) -> int:
    counts = node.slots - node.runs, node.cores.bit_count(), node.gpus.bit_count()
    memory = node.mem_mib if node.inventory.mem_mib else None
    return _times(shape, node.counted(shape), counts, memory, node.named)


def _times(
    shape: Shape, counted: tuple[int, int], counts: tuple[int, int, int], mem_mib: int | None, named: Mapping[str, int]
) -> int:
    """Return how many runs of a shape so much of a node is enough for.

    Args:
        shape: What each asks for.
        counted: Cores and GPUs that each takes.
        counts: Slots, cores, GPUs.
        mem_mib: None: not accounted.
        named: The counters.
    """
    slots, cores, gpus = counts
    most = [slots] if shape.cores else [1 << 30]
    most += [free // count for free, count in zip((cores, gpus), counted, strict=True) if count]
    if shape.mem_mib and mem_mib is not None:
        most.append(mem_mib // shape.mem_mib)
    most += [_total(named, name) // count for name, count in shape.named]
    return max(0, min(most))  # what was adopted may be more than there is


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
