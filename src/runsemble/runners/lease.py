"""A grant on loan."""

from __future__ import annotations

from typing import Any, NamedTuple

from runsemble.model.resources import Grant


class Lease(NamedTuple):
    """A grant on loan to an agent; see `agent.protocol`."""

    id: int
    lane: int
    grant: Grant
    wire: list[Any]  #: as the agent is told
