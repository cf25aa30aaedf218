"""What is done once for a whole study: before its first run, and each time when none is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runsemble.ensemble.errands import Errand, hook_errand, run_errand
from runsemble.ensemble.execution import Execution
from runsemble.ensemble.recorder import Recorder
from runsemble.model.events import Note
from runsemble.runners.table import RunTable
from runsemble.store.reader import Reader
from runsemble.store.writer import Writer


class Occasions:
    """The hooks of a study, and its command on completion.

    Args:
        writer: Its record.
        reader: The same, to be read.
        recorder: Records it; notes how things went.
        table: Hears what went wrong.
        execution: With which environment, and which log.
    """

    def __init__(
        self, writer: Writer, reader: Reader, recorder: Recorder, table: RunTable, execution: Execution
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._recorder = recorder
        self._table = table
        self._execution = execution
        self._done_after = -1  #: so many runs had ended when it was done for the end

    async def prepare(self) -> None:
        """Call `prep_ensemble`, once in the study's life; if it fails, runs go on, and the next driver tries again."""
        settings = await self._reader.settings()
        hook = hook_errand("prep_ensemble", settings)
        if hook is None or settings.get("is_prepared"):
            return
        if await self._do(hook):
            await self._writer.commit([("set_setting", [("is_prepared", "true")])])

    async def complete(self, *, calls_hook: Callable[[], bool]) -> bool:
        """Do what is to be done when nothing is pending any more; False if no run has ended since the last time.

        Args:
            calls_hook: Tells, when it comes to that, whether `post_ensemble` is called.
        """
        before = self._recorder.ended_count
        if before == self._done_after:
            return False
        self._done_after = before
        settings = await self._reader.settings()
        command: dict[str, Any] | None = settings.get("on_completion")
        if command is not None:
            await self._do(Errand("on_completion", **command))
        hook = hook_errand("post_ensemble", settings)
        if hook is not None and calls_hook():
            await self._do(hook)
        return True

    async def _do(self, errand: Errand) -> bool:
        """Run an errand; write down how it went; tell whether it went well."""
        how = self._execution
        problem = await run_errand(errand, self._writer.directory, env=how.env, log=how.log)
        self._recorder.note("errand", problem or f"{errand.name} ended well")
        if problem:
            self._table.bus.publish(Note(problem))
        return not problem
