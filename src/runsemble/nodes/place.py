"""Where an agent can be found again."""

from __future__ import annotations

import socket
from typing import NamedTuple


def host_name() -> str:
    """Return the name of this machine, as ``hostname`` says it; events, records and messages have no other."""
    return socket.gethostname()


class Place(NamedTuple):
    """An agent's place; whoever knows it can talk to the agent, or start its successor there."""

    node: str  #: the name of its node
    directory: str  #: its private directory on that node
    spool: str  #: the file that outlives it
