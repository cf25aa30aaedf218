"""A gate at which runs wait until a check lets them through."""

from __future__ import annotations

import os

#: Shell script of a run that says it is there, waits at the gate ``$1``, and ends with exit code 0.
WAIT_AT_GATE = ': > started; read _ < "$1"'


class Gate:
    """A named pipe; whoever reads a line from it waits until it is let through.

    Args:
        path: Where to make it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        os.mkfifo(path, 0o600)
        self.path = os.fspath(path)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def __fspath__(self) -> str:
        """Return the path, so that a gate can be an argument of a command."""
        return self.path

    def let_through(self, count: int = 1) -> None:
        """Let `count` more runs through, those that come later included."""
        os.write(self._fd, b"\n" * count)

    def close(self) -> None:
        """Release the descriptor; who still waits finds the end of the file."""
        os.close(self._fd)
