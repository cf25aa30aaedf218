"""What campaigns and parties share: one ensemble after another, in each of which processes are killed."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from typing import Any

from runsemble.testing import faults

from .nest import Nest
from .tally import LEDGER, Tally
from .verdict import require


class Onslaught:
    """Makes ensembles, and says what came of them.

    Args:
        nest: Starts drivers.
        home: A directory of its own.
        seed: Of everything that is random.
        made: How ensembles are made; see `study.study_options`.
    """

    def __init__(self, nest: Nest, home: str, seed: int, made: dict[str, Any]) -> None:
        self.tally = Tally()
        self.random = random.Random(seed)
        self._nest = nest
        self._above = home
        self._made = made
        self._home = ""  #: of the present ensemble; empty: there is none
        self._homes: list[str] = []
        self._losses = 0  #: kills by which runs were ended, in the present ensemble

    def finish(self) -> None:
        """See the present ensemble through to its end, and check everything."""
        raise NotImplementedError

    def close(self) -> Tally:
        """Bring everything to its end, check that nothing is left; return what came of it."""
        self.finish()
        LEDGER.add(self.tally)
        return self.tally

    def abandon(self) -> None:
        """End every process, without looking at anything."""
        for home in self._homes:
            for role in ("driver", "agent"):
                for pid in faults.members(role, home):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def _need_ensemble(self) -> None:
        if self._home:
            return
        self._home = os.path.join(self._above, f"e{len(self._homes)}")
        self._homes.append(self._home)
        os.makedirs(self._home)
        pid = self._nest.fork(self._home, "make", **self._made)
        require(self._nest.wait(pid) == 0, f"the ensemble could not be made: {self._said()}")
        self.tally.ensembles += 1

    def _said(self) -> str:
        with open(os.path.join(self._home, "said"), encoding="utf-8") as file:
            return file.read()[-4000:]
