"""How an ensemble is tried out: its directories and its hooks, without an execution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runsemble.ensemble.dry_run import DryRun, OnStart, dry_run
from runsemble.ensemble.errands import run_errand
from runsemble.ensemble.home import Home
from runsemble.ensemble.hooks import Hook, call_for_value, find_hook
from runsemble.store.reader import reading


class Trying(Home):
    """What prepares runs and calls hooks by hand."""

    async def dry_run(
        self, runs: Iterable[int] | None = None, *, calls_hooks: bool = True, on_start: OnStart | None = None
    ) -> list[DryRun]:
        """Prepare the directories of runs as an execution would, call `prep_run` for them, and start nothing.

        What is in such a directory already stays as it is, as it does when the run is executed; remove the directory to
        have it made anew. What is wrong with one run is said in its `DryRun.error`, and disturbs no other.

        Args:
            runs: Ids; None: of all runs that are pending.
            calls_hooks: Whether `prep_run` is called, each time in a process of its own.
            on_start: Told the id and the directory of each run before it is prepared.

        Returns:
            What was made, run by run.

        Raises:
            UsageError: There is no run with one of the ids, or it is running.
            LeaseError: The ensemble is being driven.
        """
        async with reading(self.path) as reader:
            return await dry_run(reader, self.path, runs, calls_hooks=calls_hooks, on_start=on_start)

    async def hook(self, name: str, run: int | None = None) -> Hook | None:
        """Return a hook with everything that it finds when it is called; None if the ensemble has none of that name.

        `Hook.call` calls it in this process, where a debugger can look into it.

        Args:
            name: ``prep_ensemble``, ``prep_run``, ``post_run`` or ``post_ensemble``.
            run: For which run, where it is one of runs.

        Raises:
            UsageError: There is no such hook or run.
        """
        async with reading(self.path) as reader:
            return await find_hook(reader, self.path, name, run)

    async def call_post_run(self, run: int) -> Any:
        """Call `post_run` for a run now, in a process of its own; return its value, which is not recorded.

        What it prints goes to the file ``.runsemble/errands.log`` of the ensemble.

        Args:
            run: Its id, whatever its status. Its directory is made if it is not there.

        Returns:
            What `post_run` returned, ``1e99`` included; None where there is no `post_run`.

        Raises:
            UsageError: There is no such run.
            Exception: What `post_run` raised.
            HookFailed: It crashed, or took too long.
        """
        hook = await self.hook("post_run", run)
        return None if hook is None else await call_for_value(hook, self.path)

    async def call_prep_ensemble(self) -> str:
        """Call `prep_ensemble` now, without noting that it was; return what went wrong, "" if nothing did."""
        return await self._call("prep_ensemble")

    async def call_post_ensemble(self) -> str:
        """Call `post_ensemble` now; return what went wrong, "" if nothing did."""
        return await self._call("post_ensemble")

    async def _call(self, name: str) -> str:
        hook = await self.hook(name)
        return "" if hook is None else await run_errand(hook.errand, self.path)
