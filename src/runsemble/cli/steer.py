"""Tells the driver of a study something, and says what happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runsemble.cli.directory import typed
from runsemble.cli.driving import driver_facts, is_driven, look_who
from runsemble.cli.reply import reply
from runsemble.errors import UsageError
from runsemble.model.resources import count_of


async def steer(
    directory: str, what: str, act: Callable[[], Awaitable[None]], words: str, options: Mapping[str, Any]
) -> int:
    """Have the driver do something; say so, or that there is none; return the exit status.

    Args:
        directory: The study's.
        what: The name of the command.
        act: Reaches the driver.
        words: What it does now; ``{running}`` stands for the runs under way, ``{here}`` for the directory.
        options: Of the command.
    """
    lease, counts = await look_who(directory)
    facts = {"schema": f"runsemble.{what}/1", "path": directory, "driver": driver_facts(lease)}
    nobody = f"nobody drives {typed(directory)}, so there is nothing to {what}"
    if not is_driven(lease):
        return reply(nobody, facts, options)
    try:
        await act()
    except UsageError:
        lease, _ = await look_who(directory)
        if is_driven(lease):
            raise
        return reply(nobody, {**facts, "driver": None}, options)  # it has ended meanwhile
    running = count_of(counts["running"], "run")
    return reply(words.format(running=running, here=typed(directory)), facts, options)
