"""Commands for whoever drives a study, from other processes: files that appear whole, and are answered in the store."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import Any, NamedTuple

#: Where commands are put, in the private directory of a study.
NAME = "inbox"


class Command(NamedTuple):
    """Something that another process wants done."""

    name: str  #: tells it apart from all others; in the order of arrival
    what: str  #: see `commands.HANDLERS`
    arguments: dict[str, Any]  #: ready for JSON


def new_command(what: str, **arguments: Any) -> Command:
    """Return a command with a name of its own."""
    return Command(f"{time.time_ns():020d}-{os.getpid()}-{os.urandom(4).hex()}", what, arguments)


def post(private: str, command: Command) -> None:
    """Put a command where the driver finds it; on return it is there whole.

    Args:
        private: The private directory of the study.
        command: What to do.

    Raises:
        OSError: It cannot be written.
    """
    inbox = os.path.join(private, NAME)
    os.makedirs(inbox, exist_ok=True)
    temporary = os.path.join(inbox, f".{command.name}")
    with open(temporary, "w", encoding="ascii") as file:
        json.dump([command.what, command.arguments], file)
    os.rename(temporary, os.path.join(inbox, command.name))


def pending(private: str) -> list[Command]:
    """Return the commands that wait, in the order of their arrival; what cannot be read is passed over."""
    inbox = os.path.join(private, NAME)
    try:
        names = sorted(name for name in os.listdir(inbox) if not name.startswith("."))
    except FileNotFoundError:
        return []
    commands = []
    for name in names:
        try:
            with open(os.path.join(inbox, name), encoding="ascii") as file:
                what, arguments = json.load(file)
        except (OSError, ValueError, TypeError, RecursionError):
            continue
        if isinstance(what, str) and isinstance(arguments, dict):
            commands.append(Command(name, what, arguments))
    return commands


def withdraw(private: str, name: str) -> None:
    """Remove a command that was carried out, or that nobody waits for any more."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(private, NAME, name))
