"""Finds out why a run of a stored study stands where it does."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio.to_thread

from runsemble.display.words import nearest_path
from runsemble.ensemble.logs import last_words
from runsemble.ensemble.look import Look
from runsemble.ensemble.needs import needs_of
from runsemble.ensemble.reasons import Situation, advice_of, sentence_of
from runsemble.ensemble.view import EnsembleRun
from runsemble.errors import UsageError
from runsemble.runners.options import retry_from_recipe
from runsemble.store.records import StoredAttempt

#: Last lines of its output that are shown.
LINES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a run stands where it does; as text, that is the sentence."""

    run: EnsembleRun
    sentence: str  #: without its full stop
    attempts: tuple[StoredAttempt, ...]  #: all that were made, by attempt and step
    last_lines: tuple[str, ...]  #: of its latest attempt: of stderr, of stdout if that is empty
    log: str | None  #: the file that they are from; None where there is none
    advice: tuple[str, ...]  #: what somebody may do next, each with a command where there is one

    def __str__(self) -> str:
        return self.sentence


async def find_why(look: Look, id_: int, directory: str) -> Why:
    """Return why a run stands where it does.

    Args:
        look: The open study.
        id_: The run's.
        directory: The study's.

    Raises:
        UsageError: There is no such run.
    """
    reader = look.reader
    stored = await reader.run(id_)
    if stored is None:
        raise UsageError(f"there is no run {id_} in {directory}")
    run = await look.run(id_)
    recipe = await reader.recipe(stored.recipe)
    attempts = await reader.attempts(id_)
    lease = await reader.lease()
    needs = needs_of(recipe, stored.own)
    step = min(run.step, len(needs) - 1)
    about = Situation(
        run=run,
        attempts=attempts,
        needs=needs[step].shape,
        timeout_s=needs[step].timeout_s,
        step_count=len(needs),
        retry=retry_from_recipe(recipe["retry"]),
        ahead=await reader.pending_before(id_) if run.status == "pending" else 0,
        running=(await reader.counts())["running"],
        driver=None if lease.is_free_now else lease.holder,
        now_s=time.time(),
    )
    tails = [attempt.tail for attempt in attempts]
    lines, log = await anyio.to_thread.run_sync(last_words, run, tails, LINES)
    return Why(
        run=run,
        sentence=sentence_of(about),
        attempts=tuple(attempts),
        last_lines=tuple(lines),
        log=log,
        advice=tuple(advice_of(about, nearest_path(directory))),
    )
