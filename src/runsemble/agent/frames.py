"""Frames on a byte stream: a length, then a JSON array of messages.

Paths, arguments and environment values are bytes to the kernel. On the wire they are strings decoded as UTF-8 with
``surrogateescape``, which gives back every byte as it was.
"""

from __future__ import annotations

import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Sequence

#: Longest frame accepted, in bytes; longer ones are a sign of a stream that is not ours.
MAX_FRAME = 256 * 1024 * 1024

_LENGTH = struct.Struct("!I")
#: Returns a message, or several, as JSON.
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class BrokenStream(Exception):
    """The bytes received are no frames of ours."""


def join(encoded: Iterable[str]) -> bytes:
    """Return one frame holding messages that are encoded already."""
    return _frame("[" + ",".join(encoded) + "]")


def pack(messages: Sequence[Any]) -> bytes:
    """Return one frame holding `messages`, each a sequence that begins with its kind."""
    return _frame(encode(messages))


def _frame(text: str) -> bytes:
    body = text.encode("ascii")
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Turns a stream of bytes back into messages, wherever the stream was cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the messages of every frame that `data` completes.

        Raises:
            BrokenStream: The length is absurd or the body is not a JSON array.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Any] = []
        at = 0
        while len(buffer) - at >= 4:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length > MAX_FRAME:
                raise BrokenStream("a frame of " + str(length) + " bytes")
            if len(buffer) - at - 4 < length:
                break
            try:
                batch = json.loads(bytes(buffer[at + 4 : at + 4 + length]))
            except (ValueError, RecursionError) as error:
                raise BrokenStream("a frame that is not JSON: " + str(error)) from None
            if type(batch) is not list:
                raise BrokenStream("a frame that is not a list")
            messages += batch
            at += 4 + length
        del buffer[:at]
        return messages


def to_bytes(text: str) -> bytes:
    """Return the bytes a wire string stands for."""
    return text.encode("utf-8", "surrogateescape")


def to_text(raw: bytes) -> str:
    """Return bytes as a wire string."""
    return raw.decode("utf-8", "surrogateescape")
