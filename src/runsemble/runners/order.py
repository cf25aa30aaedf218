"""Which runs a study has, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import overload


class RunOrder(Sequence[int]):
    """The ids of the runs of a study: those of its parameter sets in their order, then those that others have added.

    Args:
        first: The id of the first new run.
    """

    def __init__(self, first: int = 0) -> None:
        self.next_id = first  #: of the next new run
        self._asked: range | list[int] = range(first, first)
        self._added: list[int] = []

    def append(self, id: int) -> None:  # noqa: A002
        """Take in the run of the next parameter set."""
        if id in self._added:
            self._added.remove(id)
        asked = self._asked
        if isinstance(asked, range) and id == asked.stop:  # as long as they follow one another, that takes no memory
            self._asked = range(asked.start, id + 1)
        else:
            if isinstance(asked, range):
                asked = self._asked = list(asked)
            asked.append(id)
        self.next_id = max(self.next_id, id + 1)

    def add(self, ids: Sequence[int]) -> None:
        """Take in runs of which none is that of a parameter set so far."""
        self._added.extend(ids)

    def reserve(self, count: int) -> int:
        """Return the first of so many ids that no other run will have."""
        first = self.next_id
        self.next_id += count
        return first

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._asked) + len(self._added)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        """Return the id of a run by its position, from 0, or those of several."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        if at < 0:
            raise IndexError(index)
        return self._asked[at] if at < len(self._asked) else self._added[at - len(self._asked)]

    def __iter__(self) -> Iterator[int]:
        """Iterate over the ids."""
        return chain(self._asked, self._added)
