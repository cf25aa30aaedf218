"""A bridge: copies its own standard streams to and from an agent's socket."""

from __future__ import annotations

import os
import select
import socket

from .files import write_all


def attach(path: str) -> int:
    """Connect stdin and stdout to the agent's socket until either side closes; return the exit status.

    The bridge belongs to whoever started it and may be cut and reopened at any time; the agent does not notice more
    than a closed connection.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(path)
    except OSError as error:
        os.write(2, ("cannot reach the agent at " + path + ": " + str(error) + "\n").encode())
        return 1
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(stream, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            try:
                if fd == 0:
                    data = os.read(0, 65536)
                    stream.sendall(data)
                else:
                    data = stream.recv(65536)
                    write_all(1, data)
            except OSError:
                return 1
            if not data:
                return 0
