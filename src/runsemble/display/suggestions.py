"""Wording of what runs should ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runsemble.model.resources import count_of
from runsemble.sched.suggest import ENOUGH, Suggestion

_NAMES = {"mem": "memory", "time": "time", "cores": "cores"}


def suggestion_lines(suggestions: Sequence[Suggestion]) -> Iterator[str]:
    """Yield the lines that tell people what runs should ask for, shape by shape."""
    if not suggestions:
        yield f"too few runs have ended for a suggestion: it takes {ENOUGH} of those that ask for the same"
        return
    for one in suggestions:
        yield f"runs with {one.shape}, from {count_of(one.count, 'attempt')}:"
        for advice in one.advices:
            sign = "→" if advice.suggested is not None else " "
            yield f"{sign} {_NAMES[advice.what]:7} {advice.words}"
    if not any(one.is_any for one in suggestions):
        yield "what they ask for suits them"
