"""The driver's end of a stream to an agent."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from runsemble.agent import place, protocol
from runsemble.agent.frames import BrokenStream, Unpacker, pack
from runsemble.errors import AgentError


class AgentDied(AgentError):
    """An agent was killed while it came up, or before it said anything: another one may fare better."""


class AgentLink(asyncio.Protocol):
    """A connection to one agent. Messages sent within one turn of the event loop travel in one frame.

    Args:
        on_messages: Called with every batch of messages received; must not raise.
        on_lost: Called once, when the connection is gone for whatever reason but `close`.
    """

    def __init__(self, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None]) -> None:
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._queued: list[Any] = []
        self._loop = asyncio.get_running_loop()
        self.agent_pid = 0  #: of the process that listens there

    def send(self, *message: Any) -> None:
        """Send one message, soon; without effect once the connection is gone."""
        if self._transport is None:
            return
        if not self._queued:
            self._loop.call_soon(self.flush)
        self._queued.append(message)

    def flush(self) -> None:
        """Send what has been gathered, now."""
        if self._queued and self._transport is not None:
            self._transport.write(pack(self._queued))
        self._queued.clear()

    def close(self) -> None:
        """Close the connection without a call of `on_lost`."""
        self.flush()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    @property
    def is_open(self) -> bool:
        """Tell whether the agent can be talked to."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (called by asyncio)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Unpack what arrived (called by asyncio)."""
        try:
            messages = self._unpacker.feed(data)
        except BrokenStream:
            if self._transport is not None:
                self._transport.abort()
            return
        if messages:
            self._on_messages(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone (called by asyncio)."""
        if self._transport is not None:
            self._transport = None
            self._queued.clear()
            self._on_lost()


async def connect(
    directory: str, on_messages: Callable[[list[Any]], None], on_lost: Callable[[], None], hello: dict[str, Any]
) -> AgentLink:
    """Connect to the agent that lives in `directory` on this node, and send it `hello`.

    On return the agent has not answered yet; its `welcome` or `refused` is the first message received.

    Raises:
        AgentError: Nobody listens there, or somebody who is neither this user nor root.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        place.check(directory)
        stream.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(stream, place.socket_path(directory))
        credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        if uid not in (os.getuid(), 0):
            raise AgentError(f"the agent in {directory} belongs to another user")
        _, link = await loop.create_unix_connection(lambda: AgentLink(on_messages, on_lost), sock=stream)
    except (OSError, place.UnsafePlace) as error:
        stream.close()
        raise AgentError(f"the agent in {directory} cannot be reached: {error}") from error
    except BaseException:
        stream.close()
        raise
    link.agent_pid = pid
    link.send("hello", {"version": protocol.VERSION, **hello})
    link.flush()
    return link
