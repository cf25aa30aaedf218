"""The ready queue: who starts next when something is free.

One first-in-first-out queue per shape of request. The oldest head goes first. Where it does not fit, a younger one of
another shape may overtake it, or else a large request would keep most of the machine idle while it gathers its cores;
but not for ever, or else a stream of small requests would starve it. Once `patience` more runs have been started than
were ahead of a waiting head, that head is due: until it starts, nothing younger does.

Counting starts instead of overtakings has a second use. When a large request finally has its cores, those of its
shape behind it are due as well, and follow on the cores already gathered.

Source of the default: `benchmarks/packing.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from runsemble.model.resources import Grant, Shape
from runsemble.sched.pool import Pool

T = TypeVar("T")

#: How many more runs may have been started than were ahead of a waiting one, for each slot of the pool.
PATIENCE_PER_SLOT = 24


class ReadyQueue(Generic[T]):
    """Items that wait for a grant, in the order in which they may have one."""

    def __init__(self, patience: int) -> None:
        self._queues: dict[Shape, deque[tuple[int, T]]] = {}
        self._patience = patience
        self._pushed = 0
        self._started = 0
        self._count = 0

    def __len__(self) -> int:
        """Count the items that wait."""
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Iterate over the items that wait, the oldest first within a shape."""
        return (item for queue in self._queues.values() for _, item in queue)

    @property
    def only_shape(self) -> Shape | None:
        """The shape of everything that waits, None if nothing waits or shapes differ."""
        return next(iter(self._queues)) if len(self._queues) == 1 else None

    def head(self, shape: Shape) -> T:
        """Return the oldest item of a shape that waits."""
        return self._queues[shape][0][1]

    def push(self, item: T, shape: Shape, *, is_first: bool = False) -> None:
        """Let an item wait at the end, or before all others of its shape."""
        queue = self._queues.get(shape)
        if queue is None:
            queue = self._queues[shape] = deque()
        self._count += 1
        if is_first and queue:
            queue.appendleft((queue[0][0], item))
            self._pushed += 1  # as many are pushed as are started, or else nothing would be patient in the long run
            return
        queue.append((self._pushed, item))
        self._pushed += 1

    def pop(self, pool: Pool) -> tuple[T, Grant] | None:
        """Take out the next item that may start, with its grant; None if nothing may start now."""
        if len(self._queues) == 1:
            heads = list(self._queues)
        else:
            heads = sorted(self._queues, key=lambda shape: self._queues[shape][0][0])
        for shape in heads:
            grant = pool.try_grant(shape)
            if grant is not None:
                return self.take(shape), grant
            if self._started - self._queues[shape][0][0] >= self._patience:
                return None
        return None

    def take(self, shape: Shape) -> T:
        """Take out the oldest item of a shape, whatever is free."""
        queue = self._queues[shape]
        _, item = queue.popleft()
        if not queue:
            del self._queues[shape]
        self._started += 1
        self._count -= 1
        return item

    def remove(self, is_meant: Callable[[T], bool]) -> list[T]:
        """Take out every item that is meant, oldest first within a shape; they count as neither started nor ahead."""
        removed = [entry for queue in self._queues.values() for entry in queue if is_meant(entry[1])]
        gone = sorted(number for number, _ in removed)
        for shape, queue in list(self._queues.items()):
            kept = deque((number - bisect_left(gone, number), item) for number, item in queue if not is_meant(item))
            if kept:
                self._queues[shape] = kept
            else:
                del self._queues[shape]
        self._count -= len(removed)
        self._pushed -= len(removed)
        return [item for _, item in removed]
