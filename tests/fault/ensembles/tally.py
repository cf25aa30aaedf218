"""What came of kills."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from .verdict import check_always


@dataclass
class Tally:
    """What came of all kills."""

    kills: Counter[str] = field(default_factory=Counter)  #: by point, or "at random"
    driver: int = 0  #: kills of a driver
    agent: int = 0  #: kills of agents
    ensembles: int = 0
    adopted: int = 0  #: runs that a new driver found alive
    spooled: int = 0  #: runs whose end a new driver learned from what an agent had kept
    requeued: int = 0  #: runs that were started again as attempt + 1, since an agent took them along

    def add(self, other: Tally) -> None:
        """Count what came of other kills, too."""
        self.kills += other.kills
        for name in ("driver", "agent", "ensembles", "adopted", "spooled", "requeued"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def take_in(self, home: str) -> None:
        """Count what drivers of an ensemble that is over have told, and what its record does."""
        with suppress(FileNotFoundError), open(os.path.join(home, "tally"), encoding="ascii") as file:
            words = Counter(line.split()[0] for line in file)
            self.adopted += words["adopted"]
            self.spooled += words["spooled"]
        seen = check_always(home)
        self.requeued += sum(seen.attempt[run] - 1 - seen.requeued[run] for run in seen.attempt)

    def __str__(self) -> str:
        return (
            f"{self.kills.total()} kills ({self.driver} of drivers, {self.agent} of agents) in {self.ensembles} "
            f"ensembles: {self.adopted} adopted, {self.spooled} spooled, {self.requeued} requeued"
        )


#: What came of all campaigns together.
LEDGER = Tally()
