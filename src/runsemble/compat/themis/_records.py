"""One run as it is written out, with what the numbers of statuses mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runsemble.compat.themis._runs import Step

RUN_QUEUED = 0
RUN_SUCCESS = 1
RUN_FAILURE = 2
RUN_KILLED = 3
RUN_ABORTED = 4

STATUS_ENUMS = (RUN_QUEUED, RUN_SUCCESS, RUN_FAILURE, RUN_KILLED, RUN_ABORTED)

#: The words for them, in the same order.
STATUS_WORDS = ("queued", "successful", "failed", "killed", "aborted")

_TRANSLATIONS: Mapping[Any, Any] = {
    **dict(zip(STATUS_ENUMS, STATUS_WORDS, strict=True)),
    **dict(zip(STATUS_WORDS, STATUS_ENUMS, strict=True)),
}


def translate_enum(enum: Any) -> Any:
    """Return the word for the number of a status, or the number for a word.

    Raises:
        KeyError: It is neither.
    """
    return _TRANSLATIONS[enum]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run, as it stood when it was read."""

    run_id: int
    sample: Mapping[Any, Any]
    steps: Sequence[Step]
    result: Any = None
    status: int = RUN_QUEUED
    has_result: bool = False  #: a result was stored, be it None
    directory: str = ""  #: absolute; "" where nobody asked

    @property
    def status_word(self) -> str:
        """The word for its status."""
        return STATUS_WORDS[self.status]

    @property
    def is_with_result(self) -> bool:
        """Whether it left something."""
        return self.has_result or self.result is not None
