"""Machines that are supposed: as they might be, half and twice as large, or a part that stands for the whole."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from runsemble.model.resources import Inventory, require_count


def suppose(
    nodes: Sequence[Inventory],
    *,
    cores: int | None = None,
    gpus: int | None = None,
    mem_mib: int | None = None,
    count: int | None = None,
) -> list[Inventory]:
    """Return nodes as they are but for what is given.

    Args:
        nodes: The real ones; of further ones the first is the model.
        cores: Cores of each.
        gpus: GPUs of each.
        mem_mib: Memory of each; 0 = not accounted.
        count: How many there are.

    Raises:
        RequestError: A number makes no sense.
    """
    for name, value, least in (("cores", cores, 1), ("gpus", gpus, 0), ("mem", mem_mib, 0), ("nodes", count, 1)):
        if value is not None:
            require_count(name, value, least)
    if count is not None:
        nodes = [*nodes[:count], *[nodes[0]] * (count - len(nodes))]
    return [_changed(node, cores, gpus, mem_mib) for node in nodes]


def _changed(node: Inventory, cores: int | None, gpus: int | None, mem_mib: int | None) -> Inventory:
    if cores is not None:  # whoever supposes cores means those, and no limit that was set for others
        node = replace(node, cores=tuple(range(cores)), slots=None, counts_cores=True)
    if gpus is not None:
        node = replace(node, gpus=tuple(map(str, range(gpus))))
    return node if mem_mib is None else replace(node, mem_mib=mem_mib)


def scaled(nodes: Sequence[Inventory], factor: float) -> list[Inventory]:
    """Return a machine so many times as large: of several nodes the number changes, of one node its cores.

    Rounded up; half of a machine is half of its nodes, spread evenly over those there are.
    """
    if len(nodes) == 1:
        (node,) = nodes
        count = math.ceil(len(node.cores) * factor)
        slots = node.slots if node.slots is None or node.counts_cores else math.ceil(node.slots * factor)
        return [replace(node, cores=tuple(range(count)), slots=slots)]
    return [nodes[int(at / factor)] for at in range(math.ceil(len(nodes) * factor))]


def part_of(nodes: Sequence[Inventory], most: int) -> list[Inventory]:
    """Return about `most` of the nodes, at least one of each sort, that stand for all of them."""
    sorts: dict[object, list[Inventory]] = defaultdict(list)
    for node in nodes:
        named = tuple(sorted(node.named.items()))
        size = (len(node.cores), len(node.gpus), node.mem_mib, named, node.slots, node.counts_cores)
        sorts[size].append(node)
    share = min(1.0, most / len(nodes))
    return [node for alike in sorts.values() for node in alike[: math.ceil(len(alike) * share)]]
