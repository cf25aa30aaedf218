"""What it takes to have something written down about a study: the lease, or somebody who holds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from runsemble.store.writer import Statement


class Pen(Protocol):
    """Has changes written down: that of a driver, `store.writer.Writer`, or of its guest, `guest_pen.GuestPen`."""

    @property
    def directory(self) -> str:
        """The study's."""

    @property
    def epoch(self) -> int:
        """The epoch under which agents are talked to, which obey the highest."""

    @property
    def guest(self) -> str | None:
        """The guest's name, None for the driver's."""

    async def commit(self, statements: Iterable[Statement]) -> None:
        """Have statements executed in one transaction; on return they are on disk.

        Raises:
            LeaseError: Another process has taken over; nothing more of this one will be written.
            StoreError: It cannot be written now; nothing was changed.
        """

    async def keep_beating(self) -> None:
        """Prove to be alive until cancelled.

        Raises:
            LeaseError: Another process has taken over.
        """

    async def require_there(self) -> None:
        """Make sure that what is written is still where it was.

        Raises:
            LeaseError: It is not.
        """
