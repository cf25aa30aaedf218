"""Where what happens in studies is written down, before agents may forget it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from runsemble.nodes.place import Place


class Record(Protocol):
    """Writes down what happens in a study, a little later."""

    @property
    def directory(self) -> str:
        """Where agents may leave what is not written down."""

    @property
    def lag(self) -> int:
        """How many pieces of news wait to be written down."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once everything that was published so far is written down; at once if it is."""

    async def announce(self, place: Place) -> None:
        """Note, before anything can run there, an agent that may know what is not written down yet."""


class Records:
    """The records of all studies on one engine."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def __bool__(self) -> bool:
        """Whether anything is written down."""
        return bool(self._records)

    @property
    def lag(self) -> int:
        """How many pieces of news wait to be written down where it takes longest."""
        return max((record.lag for record in self._records), default=0)

    @property
    def directories(self) -> list[str]:
        """Where agents may leave what is not written down."""
        return [record.directory for record in self._records]

    def add(self, record: Record) -> None:
        """Write everything down there, too, from now on."""
        self._records.append(record)

    def remove(self, record: Record) -> None:
        """Write nothing more down there."""
        self._records.remove(record)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call `call` once everything that was published so far is written down everywhere; at once if it is."""
        if not self._records:
            call()
        elif len(self._records) == 1:
            self._records[0].after_commit(call)
        else:
            waits = len(self._records)

            def count_down() -> None:
                nonlocal waits
                waits -= 1
                if not waits:
                    call()

            for record in list(self._records):
                record.after_commit(count_down)

    async def announce(self, place: Place) -> None:
        """Note an agent everywhere."""
        for record in list(self._records):
            await record.announce(place)
