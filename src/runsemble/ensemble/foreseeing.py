"""What an ensemble tells of what is to come: how long it takes, what to ask for, and how a run is started.

Few programs ask, so each answer imports what it takes by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runsemble.ensemble.looking import Looking
from runsemble.store.reader import reading

if TYPE_CHECKING:
    from runsemble.ensemble.by_hand import RunCommand
    from runsemble.sched.plan import Plan
    from runsemble.sched.suggest import Suggestion


class Foreseeing(Looking):
    """What can be asked of an ensemble that takes the scheduler, or what prepares runs, to answer."""

    async def plan(
        self,
        *,
        cores: int | None = None,
        gpus: int | None = None,
        mem_mib: int | None = None,
        nodes: int | None = None,
    ) -> Plan:
        """Return how long what is pending would take, by the scheduler's own code in virtual time.

        How long runs take is judged by those of the same kind that have ended, else by their time limit; where some
        have neither, the plan counts in waves.

        Args:
            cores: Of each node; None: those of this machine.
            gpus: Of each node.
            mem_mib: Of each node, in MiB; 0: not accounted.
            nodes: How many.

        Raises:
            RequestError: A number makes no sense.
        """
        from runsemble.ensemble.planning import make_plan

        async with reading(self.path) as reader:
            return await make_plan(reader, cores=cores, gpus=gpus, mem_mib=mem_mib, nodes=nodes)

    async def suggest(self) -> list[Suggestion]:
        """Return what runs should ask for, by what they ask for now, from what those used that have ended.

        Of many attempts, a sample is looked at.
        """
        from runsemble.ensemble.planning import make_suggestions

        async with reading(self.path) as reader:
            return await make_suggestions(reader)

    async def command_of(self, run: int) -> RunCommand:
        """Return what it takes to start a run by hand as it was started last: command, environment, directory, cores.

        Of several steps it is the one that failed, or was last. A directory that was not kept (`keep`) is made anew,
        and then it is the first one.

        Raises:
            UsageError: There is no such run, it has no directory yet, or its command cannot be made here.
        """
        from runsemble.ensemble.by_hand import find_command

        async with reading(self.path) as reader:
            return await find_command(reader, self.path, run)
