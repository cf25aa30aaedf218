"""What the steps of stored runs ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from runsemble.model.resources import Request, Shape

#: What of a written step is its request.
_SIZES = ("cores", "gpus", "tasks", "mem_mib", "named")


class StepNeeds(NamedTuple):
    """What one step asks for."""

    shape: Shape
    timeout_s: float | None


def needs_of(recipe: Mapping[str, Any], own: str | None = None) -> list[StepNeeds]:
    """Return what each step of a run asks for.

    Args:
        recipe: What it has in common with others.
        own: What it alone has, as JSON.
    """
    return needs_of_steps(own_steps(own) or recipe["steps"])


def own_steps(own: str | None) -> Sequence[Mapping[str, Any]]:
    """Return the steps that a run alone has, as they are written; none if it has those of its recipe."""
    return json.loads(own).get("steps", ()) if own else ()


def needs_of_steps(steps: Sequence[Mapping[str, Any]]) -> list[StepNeeds]:
    """Return what each of some written steps asks for; the limit of a hook tells nothing of how long it takes."""
    return [
        StepNeeds(Request(**{name: step[name] for name in _SIZES}).shape, None if _is_hook(step) else step["timeout_s"])
        for step in steps
    ]


def _is_hook(step: Mapping[str, Any]) -> bool:
    call = step.get("call")
    return call is not None and call["kind"] == "hook"
