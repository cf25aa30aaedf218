"""What is written down of runs that are killed, and that nobody has to end."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from runsemble.model.status import Cause
from runsemble.store.reader import Reader
from runsemble.store.records import CAUSE_NUMBER, STATUS_NUMBER
from runsemble.store.writer import Statement, Writer

#: What is said of a run that was killed.
KILLED_WORDS = "killed on request"


def killing(runs: Iterable[int]) -> list[Statement]:
    """Return what to commit when runs are killed; those that have ended stay as they are."""
    state, cause = STATUS_NUMBER["killed"], CAUSE_NUMBER[Cause.KILLED]
    rows = [(state, cause, KILLED_WORDS, run) for run in runs]
    return [("settle_ends", [(row[-1],) for row in rows]), ("settle", rows)]


async def kill_condemned(writer: Writer, reader: Reader, but: Collection[int] = ()) -> None:
    """Write down as killed what was to be ended when its driver died; but not those of which there is more to hear."""
    condemned = [run for run in await reader.condemned() if run not in but]
    if condemned:
        await writer.commit(killing(condemned))
