"""How fast runs follow each other, and what follows from that for the agents."""

from __future__ import annotations

import math

from runsemble.model.resources import Shape

#: Runs shorter than this, in seconds on average, are sent ahead of their grant, so that they follow without a pause.
AHEAD_BELOW_S = 0.25
#: For how long, in seconds, the runs sent ahead keep an agent busy while the driver is.
AHEAD_S = 0.02
#: How many agents it takes is judged whenever so many steps have ended; a prime, so that it is each step's turn where
#: runs have several.
RELIEF_AFTER = 17
#: What the start of a program, and that of a Python call, costs an agent, in seconds.
START_S, CALL_S = 0.0005, 0.001
#: An agent starts a confined program from the program's own core. For so long, in seconds, it may have to wait there
#: until it can go on: a time slice of the kernel's scheduler. On 16 cores one agent could start 247 per second.
SLICE_S = 0.004
#: How much of its time an agent should be busy with starts, at most: while it is, a core that has become free waits.
#: Runs of 100 ms on 16 cores, per second, twice each: 158 and 172 with 0.5, 188 and 196 with 0.2, 156 and 165 with
#: 0.05.
LOAD = 0.25
#: How many starts per second a driver can keep up with.
MOST_STARTS = 5000.0
#: The most agents of a kind on a node; each that makes calls holds what it has loaded for them.
MOST_AGENTS, MOST_CALL_AGENTS = 16, 4
#: Weight of the latest run in the running mean.
_WEIGHT = 0.1


class Tempo:
    """Running means of how long runs of each shape take."""

    def __init__(self) -> None:
        self._mean_s: dict[Shape, float] = {}
        self._ended = 0

    def learn(self, shape: Shape, wall_s: float) -> None:
        """Take in how long a run took, in seconds."""
        mean_s = self._mean_s.get(shape, wall_s)
        self._mean_s[shape] = mean_s + (wall_s - mean_s) * _WEIGHT
        self._ended += 1

    def ahead(self, shape: Shape, leases: int, most: int) -> int:
        """Return how many runs of a shape an agent should have waiting that holds `leases` of that shape.

        Args:
            shape: The shape of everything that waits.
            leases: How many runs it has at the same time.
            most: Its share of what may be under way.
        """
        mean_s = self._mean_s.get(shape, AHEAD_BELOW_S)
        if mean_s >= AHEAD_BELOW_S or not leases:
            return 0
        return most if mean_s <= 0 else min(most, math.ceil(leases * AHEAD_S / mean_s))

    @property
    def is_time_to_judge(self) -> bool:
        """Whether to look now at how many agents it takes."""
        return not self._ended % RELIEF_AFTER

    def agents(self, shape: Shape, slots: int, cores: int, *, are_calls: bool, are_pinned: bool) -> int:
        """Return how many agents it takes on a node to keep as many runs of a shape going as there is room for.

        Args:
            shape: The shape.
            slots: How many of them a node has room for at the same time.
            cores: How many cores the node has: more agents would be in each other's way.
            are_calls: Whether they are Python calls.
            are_pinned: Whether they are confined to their cores.
        """
        mean_s = self._mean_s.get(shape)
        if mean_s is None:
            return 1
        mean_s = max(mean_s, 0.0)  # clocks may be set back
        start_s = CALL_S if are_calls else START_S + (min(mean_s, SLICE_S) if are_pinned else 0.0)
        starts = min(slots / (mean_s + START_S), MOST_STARTS)
        most = min(slots, cores, MOST_CALL_AGENTS if are_calls else MOST_AGENTS)
        return max(1, min(math.ceil(starts * start_s / LOAD), most))
