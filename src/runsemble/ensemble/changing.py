"""How an ensemble is changed, also while it is executed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anyio.to_thread

from runsemble import codec
from runsemble.ensemble.control import command
from runsemble.ensemble.creation import describe
from runsemble.ensemble.errands import completion_of
from runsemble.ensemble.looking import Looking
from runsemble.ensemble.options import require_parameter_sets
from runsemble.ensemble.packing import Packed, pack
from runsemble.ensemble.view import EnsembleRun
from runsemble.store.reader import reading


class Changing(Looking):
    """What changes an ensemble and its runs, and steers whoever drives it."""

    async def add_runs(self, runs: Iterable[Any]) -> range:
        """Add runs; return their ids. A driver that is at work takes them in at once.

        Raises:
            UsageError: A run makes no sense, or would have another one's directory; then none is added.
        """
        require_parameter_sets(runs)
        async with reading(self.path) as reader:
            recipes = await reader.recipes()
        texts = await anyio.to_thread.run_sync(describe, self.path, recipes, list(runs))
        first, end = (await command(self.path, "add", runs=texts))["ids"]
        return range(first, end)

    async def requeue_runs(self, runs: Iterable[int], *, hard: bool = False, keep_results: bool = False) -> list[int]:
        """Let runs that have ended be executed again; return the ids of those that will be.

        Args:
            runs: Ids; those of runs that have not ended have no effect.
            hard: From their first step; otherwise they go on at the step that failed.
            keep_results: What they posted stays until they post something else.

        Raises:
            UsageError: There is no run with one of the ids.
        """
        return list(
            (await command(self.path, "requeue", runs=list(runs), hard=hard, keeps_results=keep_results))["runs"]
        )

    async def dequeue_runs(self, runs: Iterable[int], *, how: str = "stop") -> list[int]:
        """End runs for good, those that wait and those that run; return the ids of those that had not ended.

        Args:
            runs: Ids; those of runs that have ended have no effect.
            how: "stop" (TERM first) or "kill".

        Raises:
            UsageError: There is no run with one of the ids.
        """
        return list((await command(self.path, "kill", runs=list(runs), how=how))["runs"])

    async def cancel(self, which: Callable[[EnsembleRun], bool], *, how: str = "stop") -> list[int]:
        """End every run for good that has not ended and fulfils a condition; return their ids.

        Args:
            which: Says of a run whether it is meant.
            how: "stop" (TERM first) or "kill".
        """
        meant = [run.id async for run in self.runs("pending", "running") if which(run)]
        return await self.dequeue_runs(meant, how=how) if meant else []

    async def set_result(self, run: int, result: Any) -> None:
        """Replace what a run posted, by any object that can be pickled.

        Raises:
            UsageError: There is no such run.
            Exception: Whatever pickle raises for an object it cannot store.
        """
        await command(self.path, "set_result", run=run, result=codec.encode(result, allow_pickle=True))

    async def on_completion(
        self,
        cmd: Sequence[str] | None,
        cwd: str | os.PathLike[str] = ".",
        *,
        stdout: str | os.PathLike[str] | None = None,
        stderr: str | os.PathLike[str] | None = None,
    ) -> None:
        """Have a command run each time when nothing is pending any more; it replaces the one that was set before.

        Args:
            cmd: Program and arguments; None: no command any more.
            cwd: Where it starts.
            stdout: File to which its output is appended; None: the log of the driver.
            stderr: The same for its errors.

        Raises:
            UsageError: The program is not there, or `cwd` is no directory.
        """
        value = None
        if cmd is not None:
            value = (await anyio.to_thread.run_sync(completion_of, cmd, cwd, stdout, stderr))._asdict()
        await command(self.path, "set_setting", name="on_completion", value=value)

    async def finish(self) -> None:
        """Have the driver start nothing more, call `post_ensemble` when nothing runs any more, and end.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "finish")

    async def drain(self) -> None:
        """Have the driver start nothing more, and end when nothing runs any more.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "drain")

    async def stop(self, *, how: str = "stop") -> None:
        """Have the driver end what runs, and then itself; those runs are started again when it is resumed.

        Raises:
            UsageError: Nobody drives the ensemble.
        """
        await command(self.path, "stop", how=how)

    async def resize(self, max_concurrency: int) -> None:
        """Have the driver run so many runs at the same time from now on.

        Raises:
            UsageError: Nobody drives the ensemble, or the number makes no sense.
        """
        await command(self.path, "resize", count=max_concurrency)

    async def pack(self) -> Packed:
        """Pack what the successful runs wrote into one file, and remove the many small ones.

        `output` and `follow` read it from there. Files of more than 4 MiB stay as they are, and so do those of runs
        that did not succeed. Nobody can drive the ensemble meanwhile.

        Raises:
            LeaseError: It is being driven.
            StoreError: The record cannot be read, or the pack not be written.
        """
        return await pack(self.path)
