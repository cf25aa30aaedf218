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

_LENGTH_BYTES = 4
_FD_BYTES = 4
_CHUNK = 65536
#: Room for two descriptors.
_ANCILLARY = socket.CMSG_SPACE(2 * _FD_BYTES)
#: Not the members of enumerations that `socket` has: to look at one would cost a fork its pages.
_SOL_SOCKET, _SCM_RIGHTS = int(socket.SOL_SOCKET), int(socket.SCM_RIGHTS)


class Order:
    """What a child is to do.

    Args:
        cwd: Where.
        changes: Of its environment; None: the variable is removed.
        argument: What it is called with; of plain types.
        out: Descriptor that becomes standard output.
        err: The same for errors.
    """

    __slots__ = ("argument", "changes", "cwd", "err", "out")

    def __init__(self, cwd: bytes, changes: dict[bytes, bytes | None], argument: Any, out: int, err: int) -> None:
        self.cwd = cwd
        self.changes = changes
        self.argument = argument
        self.out = out
        self.err = err


def send(stream: socket.socket, order: Order) -> None:
    """Send an order, with copies of its descriptors.

    Raises:
        OSError: The receiver is gone.
    """
    data = marshal.dumps((order.cwd, order.changes, order.argument))
    data = len(data).to_bytes(_LENGTH_BYTES, "little") + data
    fds = order.out.to_bytes(_FD_BYTES, "little") + order.err.to_bytes(_FD_BYTES, "little")
    sent = stream.sendmsg([data], [(_SOL_SOCKET, _SCM_RIGHTS, fds)])
    if sent < len(data):
        stream.sendall(data[sent:])


def receive(stream: socket.socket) -> Order | None:
    """Wait for an order; None: there will be none, since its sender is gone."""
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
    out, err = int.from_bytes(fds[:_FD_BYTES], "little"), int.from_bytes(fds[_FD_BYTES:], "little")
    cwd, changes, argument = marshal.loads(data[_LENGTH_BYTES:])
    return Order(cwd, changes, argument, out, err)
