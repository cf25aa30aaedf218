"""How fast runs follow each other, and what follows from that for the agents."""

from __future__ import annotations

import math

from runsemble.model.resources import Shape

#: Runs shorter than this, in seconds on average, are sent ahead of their grant, so that they follow without a pause.
AHEAD_BELOW_S = 0.25
#: For how long, in seconds, the runs sent ahead keep an agent busy while the driver is.
AHEAD_S = 0.02
#: Runs shorter than this, in seconds on average, are worth a second agent on their node: one agent alone lets a core
#: wait while it starts a run on another. Slope between 1,000 and 4,000 confined `/bin/true` on 2 cores, three
#: rounds each, before and after: 0.60 to 0.63 and 0.45 to 0.47 ms per run.
RELIEF_BELOW_S = 0.02
#: How many runs must have ended before that is judged.
RELIEF_AFTER = 16
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

    def wants_relief(self, shape: Shape) -> bool:
        """Tell whether runs of a shape are so short that a second agent pays."""
        return self._ended >= RELIEF_AFTER and self._mean_s.get(shape, RELIEF_BELOW_S) < RELIEF_BELOW_S
