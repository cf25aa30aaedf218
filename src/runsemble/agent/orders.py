"""Orders for children that were forked before it was known what they will do.

Sender and receiver are one program, forked: so `marshal` will do, which works in C alone. In a fresh fork every line of
Python costs copies of pages.
"""

from __future__ import annotations

import marshal
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #: Where, changes of the environment, an argument, the descriptors of output and errors; see `send`.
    Order = tuple[bytes, dict[bytes, bytes | None], Any, int, int]

_LENGTH_BYTES = 4
_FD_BYTES = 4
_CHUNK = 8192
#: Room for two descriptors.
_ANCILLARY = socket.CMSG_SPACE(2 * _FD_BYTES)
#: Not the members of enumerations that `socket` has: to look at one would cost a fork its pages.
_SOL_SOCKET, _SCM_RIGHTS = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS)


def send(
    stream: socket.socket, cwd: bytes, changes: dict[bytes, bytes | None], argument: Any, out: int, err: int
) -> None:
    """Send an order.

    Args:
        stream: To its receiver.
        cwd: Where to do it.
        changes: Of the environment; None: the variable is removed.
        argument: What is called with it; of plain types.
        out: Descriptor that becomes standard output; a copy travels.
        err: The same for errors.

    Raises:
        OSError: The receiver is gone.
    """
    data = marshal.dumps((cwd, changes, argument))
    data = len(data).to_bytes(_LENGTH_BYTES, "little") + data
    fds = out.to_bytes(_FD_BYTES, "little") + err.to_bytes(_FD_BYTES, "little")
    sent = stream.sendmsg([data], [(_SOL_SOCKET, _SCM_RIGHTS, fds)])
    if sent < len(data):
        stream.sendall(data[sent:])


def receive(stream: socket.socket) -> Order | None:
    """Wait for an order, and return it as it was sent; None: there will be none, since its sender is gone."""
    data, ancillary, _, _ = stream.recvmsg(_CHUNK, _ANCILLARY)
    if not data or not ancillary:
        return None
    size = int.from_bytes(data[:_LENGTH_BYTES], "little") + _LENGTH_BYTES
    while len(data) < size:
        chunk = stream.recv(_CHUNK)
        if not chunk:
            return None
        data += chunk
    fds = ancillary[0][2]
    cwd, changes, argument = marshal.loads(data[_LENGTH_BYTES:])
    return cwd, changes, argument, int.from_bytes(fds[:_FD_BYTES], "little"), int.from_bytes(fds[_FD_BYTES:], "little")
