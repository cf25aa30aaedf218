"""Has what other processes ask for carried out, as long as a study is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import anyio.to_thread

from runsemble.ensemble import inbox
from runsemble.ensemble.commands import Desk
from runsemble.ensemble.control import carry_out_waiting
from runsemble.ensemble.private import private_directory
from runsemble.errors import AgentsTakenOver, LeaseError, StoreError
from runsemble.meanwhile import meanwhile
from runsemble.runners.engine import Engine

#: Seconds between two looks for commands of other processes.
LOOK_S = 0.2


class Attendant:
    """Looks into the inbox of a study.

    Args:
        directory: The study's.
        engine: Where it is under way; fails when another process takes the study over.
        desk: Returns where commands are carried out; asked for when there is one.
        turn: Held by whoever carries commands out, or must not be disturbed by any.
    """

    def __init__(self, directory: str, engine: Engine, desk: Callable[[], Awaitable[Desk]], turn: asyncio.Lock) -> None:
        self._turn = turn
        self._directory = directory
        self._engine = engine
        self._desk = desk

    def attending(self) -> AbstractAsyncContextManager[object]:
        """Carry out what comes while the block runs."""
        return meanwhile(self._attend())

    async def _attend(self) -> None:
        while True:
            try:
                await self.answer()
            except LeaseError as error:
                self._engine.desert(AgentsTakenOver(str(error)))
                return
            except (StoreError, OSError):
                pass  # the command stays where it is, for when the disk has space again
            await asyncio.sleep(LOOK_S)

    async def answer(self) -> None:
        """Carry out what has come by now.

        Raises:
            LeaseError: Another process has taken the study over.
            StoreError: It cannot be written down.
        """
        async with self._turn:
            if await anyio.to_thread.run_sync(inbox.pending, private_directory(self._directory)):
                await carry_out_waiting(await self._desk(), self._directory, lambda _: True)
