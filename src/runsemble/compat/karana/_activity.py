"""What is going on at a runner, for whoever shows its status."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

from runsemble.model.stats import RunStatistics


class StudyAtWork:
    """A study that may bring more runs.

    Args:
        runs: Its parameter sets.
    """

    def __init__(self, runs: object) -> None:
        self.taken: Sized = ()  #: its runs that were taken in
        self._length = operator.length_hint(runs, 0)

    @property
    def yet_to_come(self) -> int:
        """How many more runs are known to be coming."""
        return max(0, self._length - len(self.taken))


class Activity:
    """The studies and the status bars of one runner."""

    def __init__(self) -> None:
        self.was_used = False  #: a study, or `gather`, is over
        self.studies: list[StudyAtWork] = []
        self._displays: list[asyncio.AbstractEventLoop] = []

    @contextmanager
    def study(self, runs: object) -> Iterator[StudyAtWork]:
        """Let a study be at work while the block runs, unless it is ended before."""
        study = StudyAtWork(runs)
        self.studies.append(study)
        try:
            yield study
        finally:
            self.end(study)

    def end(self, study: StudyAtWork) -> None:
        """Note that a study brings no more runs."""
        self.was_used = True
        if study in self.studies:
            self.studies.remove(study)

    @contextmanager
    def display(self) -> Iterator[None]:
        """Let a status bar be shown while the block runs."""
        loop = asyncio.get_running_loop()
        self._displays.append(loop)
        try:
            yield
        finally:
            self._displays.remove(loop)

    def is_shown_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whether a status bar is shown by this event loop; another one may be standing still."""
        return loop in self._displays

    def is_over(self, stats: RunStatistics) -> bool:
        """Tell whether all runs have ended, and none is to be expected."""
        if stats.complete_count < stats.total_count or self.studies:
            return False
        return stats.total_count > 0 or self.was_used

    def yet_to_come(self) -> int:
        """Count the runs that are known to be coming."""
        return sum(study.yet_to_come for study in self.studies)


def activity_of(runner: Any) -> Activity:
    """Return what is going on at a runner; its class need not know of it."""
    activity: Activity = vars(runner).setdefault("_runsemble_activity", Activity())
    return activity
