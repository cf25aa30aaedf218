"""What a command answers that changes something: a sentence for people, or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from runsemble.cli import exits

#: The names of two options that every such command has.
AS_JSON = ("--json", "as_json")
QUIET = ("-q", "--quiet")


def reply(sentence: str, facts: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Print a sentence, or facts if JSON is wanted; return the exit status.

    Args:
        sentence: For people.
        facts: Ready for JSON.
        options: Of the command: `as_json`, `quiet`.
    """
    if options.get("as_json"):
        click.echo(json.dumps(facts))
    elif not options.get("quiet"):
        click.echo(sentence)
    return exits.OK
